#!/bin/sh
# Starts nginx in the frontend's image: fills the templates with the settings of the environment.
#   BACKEND   host:port of the backend; of several on one database, with spaces between them
#   API_URL   where the page finds the API; empty: at its own origin
set -eu
source=$(dirname "$0")
run=${RUN_DIR:-/run/oriel}
page=${PAGE_DIR:-/srv/page}
api_url=${API_URL:-}
api_url=${api_url%/}
module=/usr/lib/nginx/modules/ngx_http_brotli_static_module.so

modules= compression='gzip_static on; gzip_vary on;'
if [ -f "$module" ]; then
    modules="load_module $module;"
    compression="$compression brotli_static on;"
fi
listen="listen ${PORT:-8080};"
[ ! -f /proc/net/if_inet6 ] || listen="$listen listen [::]:${PORT:-8080};"

servers=
for backend in $BACKEND; do
    servers="$servers server $backend max_fails=0;"
done

mkdir -p "$run/conf"
for file in "$source"/*.conf "$source"/*.conf.template; do
    name=$(basename "$file" .template)
    sed -e "s|\${MODULES}|$modules|" -e 's|${USER}||' \
        -e "s|\${RUN_DIR}|$run|" -e "s|\${CONF_DIR}|$run/conf|" -e "s|\${PAGE_DIR}|$page|" \
        -e "s|\${SERVERS}|$servers|" -e "s|\${LISTEN}|$listen|" -e "s|\${COMPRESSION}|$compression|" \
        -e "s|\${CONNECT_SRC}|${api_url:+ $api_url}|" "$file" > "$run/conf/$name"
done
printf '{"api_url": "%s"}\n' "$api_url" > "$page/config.json"
exec nginx -e stderr -p "$run" -c "$run/conf/nginx.conf"
