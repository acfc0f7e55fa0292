#!/bin/sh
# An authority of your own, for a network without the internet: sh nginx/certificate.sh HOST
# Makes the authority once (authority/certificate goes to all who shall trust it, authority/key to nobody), then a certificate
# for HOST, a name or an address, good for 397 days, in secrets/. Run it again to renew: nginx takes it within a minute.
set -eu
umask 077
host=${1:?"sh nginx/certificate.sh HOST"}
case $host in *[!0-9.]*) kind=DNS ;; *) kind=IP ;; esac
case $host in *:*) kind=IP ;; esac
mkdir -p authority secrets
if [ ! -e authority/key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=DDMS at $host" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout authority/key -out authority/certificate
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/extensions" <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=$kind:$host
END
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$host" -keyout "$work/key" -out "$work/request"
openssl x509 -req -in "$work/request" -CA authority/certificate -CAkey authority/key -set_serial "0x$(openssl rand -hex 16)" \
    -days 397 -extfile "$work/extensions" -out "$work/certificate"
# Into the files that are there: a container sees no file that took another's place.
for name in certificate key; do
    [ ! -e "secrets/tls_$name" ] || chmod 644 "secrets/tls_$name"
    cat "$work/$name" > "secrets/tls_$name"
    chmod 444 "secrets/tls_$name"
done
