# Watches one server: started with the temporary directory, a name and the signal that stops the server.
# Reads commands from stdin, one a line, and answers each with one line. When stdin ends, whoever held its other end
# is gone, however it died: then the server is stopped and its directory removed.

# Nothing else may end this shell. A reader of the answers that is gone must not do so either.
trap '' HUP INT TERM PIPE
umask 077
ulimit -c 0
# A thousand clients need more files than many systems allow at first.
ulimit -S -n 4096 2>/dev/null

dir=$(mktemp -d "$1/forge-$2-XXXXXXXX") || exit 1
signal=$3
pid=

halt() {
    [ -n "$pid" ] || return 0
    kill -s "$signal" "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    pid=
}

echo "$dir"
while IFS= read -r line; do
    words=${line#* }
    case $line in
        "run "*)
            eval "$words" </dev/null >>"$dir/log" 2>&1
            echo "$?"
            ;;
        "start "*)
            halt
            eval "exec $words" </dev/null >>"$dir/log" 2>&1 &
            pid=$!
            echo "$pid"
            ;;
        stop)
            halt
            echo 0
            ;;
    esac
done
halt
rm -rf "$dir"
