#!/bin/sh
# Beside nginx, in its container: takes a renewed certificate into use without a restart. Once a minute it looks whether the
# files have changed; if they fit together (`nginx -t`), nginx reloads, which no request and no websocket notices.
set -u
folder=${NGINX_SECRETS:-/run/secrets}
seconds=${NGINX_RELOAD_SECONDS:-60}
nginx=${NGINX_PROGRAM:-nginx}

files() { cat "$folder/tls_certificate" "$folder/tls_key" "$folder/inner_certificate" "$folder/inner_key" 2>/dev/null | sha256sum; }

watch() {
    used=$(files)
    echo "reload.sh: looks for another certificate every $seconds s"
    while sleep "$seconds"; do
        now=$(files)
        [ "$now" = "$used" ] && continue
        # Half-written, or a key of another certificate: next time.
        if $nginx -t -q 2>/dev/null; then
            $nginx -s reload && used=$now && echo "reload.sh: the certificate has changed, nginx uses the new one"
        else
            echo "reload.sh: the certificate has changed, but it and its key do not fit together: waiting"
        fi
    done
}

watch &
