"""SunSpec: devices that say themselves which registers they have, as models of the SunSpec Alliance."""
