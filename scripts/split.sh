#!/usr/bin/env bash
# Runs every service as a process of its own around one NATS server of the version that
# pkg/go.mod pins. It is what a split deployment looks like, on one host:
#
#   HOTLINE_BOT_TOKEN=… HOTLINE_GROUP=-100… scripts/split.sh [DIRECTORY]
#
# All settings are taken from the environment as usual; addresses, data directories and
# the master key are arranged here, below DIRECTORY (default ./data/split). Webhooks go to
# HOTLINE_LISTEN (default 127.0.0.1:8080), where ingress answers. PORT (default 8100) is
# the first of nine other ports. Ctrl-C or SIGTERM stops everything in order.
set -euo pipefail
set -m # every process gets a group of its own, so that Ctrl-C reaches this script only

cd "$(dirname "$0")/.."
bin=$PWD/bin
dir=${1:-./data/split}
port=${PORT:-8100}
stop_seconds=15

say() { printf '==> %s\n' "$*"; }

umask 077
mkdir -p "$dir" "$bin"
dir=$(cd "$dir" && pwd)

say "building the services and the NATS server into bin/ (the first time takes minutes)"
export CGO_ENABLED=0
go build -trimpath -o "$bin/" ./services/setup/cmd/setup ./services/relay/cmd/relay ./services/dialog/cmd/dialog ./services/ingress/cmd/ingress
(cd pkg && go build -trimpath -o "$bin/" github.com/nats-io/nats-server/v2)

cat >"$dir/nats.conf" <<CONF
host: 127.0.0.1
port: $port
http: "127.0.0.1:$((port + 1))"
jetstream {
  store_dir: "$dir/nats"
  sync_interval: always
}
CONF

# One key for all services; a key that is set is left alone.
if [ -z "${HOTLINE_SEAL_KEY:-}${HOTLINE_SEAL_KEY_FILE:-}" ]; then
  if [ ! -s "$dir/seal.key" ]; then
    head -c 32 /dev/urandom | base64 >"$dir/seal.key.new"
    mv "$dir/seal.key.new" "$dir/seal.key"
  fi
  export HOTLINE_SEAL_KEY_FILE=$dir/seal.key
fi
export HOTLINE_NATS_URL=nats://127.0.0.1:$port
export HOTLINE_INGRESS_GRPC=127.0.0.1:$((port + 8))
webhook_listen=${HOTLINE_LISTEN:-127.0.0.1:8080}

names=() pids=()

start() { # NAME COMMAND…
  local name=$1
  shift
  "$@" >>"$dir/$name.log" 2>&1 &
  names+=("$name") pids+=("$!")
  say "$name: pid $!, log $dir/$name.log"
}

service() { # NAME LISTEN GRPC_LISTEN
  HOTLINE_DATA=$dir/$1 HOTLINE_LISTEN=$2 HOTLINE_GRPC_LISTEN=$3 start "$1" "$bin/$1"
}

# stop ends the processes from the last to the first, one after the other.
stop() {
  trap '' INT TERM
  local i waited
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill -TERM "${pids[i]}" 2>/dev/null || continue # has ended
    waited=0
    while kill -0 "${pids[i]}" 2>/dev/null; do
      if ((waited >= stop_seconds * 20)); then
        say "${names[i]} does not stop, killing it"
        kill -KILL "${pids[i]}" 2>/dev/null || true
        break
      fi
      sleep 0.05
      waited=$((waited + 1))
    done
    say "${names[i]} stopped"
  done
}

wait_port() { # NAME PORT
  local tries=0
  until (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; do
    tries=$((tries + 1))
    if ((tries > 200)) || ! kill -0 "${pids[-1]}" 2>/dev/null; then
      say "$1 does not come up:"
      tail -n 5 "$dir/$1.log"
      stop
      exit 1
    fi
    sleep 0.05
  done
}

trap 'say "stopping"; stop; exit 0' INT TERM

start nats-server "$bin/nats-server" -c "$dir/nats.conf"
wait_port nats-server "$port"
service setup "127.0.0.1:$((port + 6))" "127.0.0.1:$((port + 7))"
service relay "127.0.0.1:$((port + 2))" "127.0.0.1:$((port + 3))"
service dialog "127.0.0.1:$((port + 4))" "127.0.0.1:$((port + 5))"
service ingress "$webhook_listen" "127.0.0.1:$((port + 8))"
say "ready? curl http://$webhook_listen/readyz"

# Whoever ends unasked takes the others along: a supervisor starts all of them again.
ended=0
wait -n -p ended "${pids[@]}" || true
for i in "${!pids[@]}"; do
  if [ "${pids[i]}" = "$ended" ]; then
    say "${names[i]} ended by itself; the end of its log:"
    tail -n 5 "$dir/${names[i]}.log"
  fi
done
stop
exit 1
