# Hosts made of namespaces: an own network interface, name, processes and sshd each, on one bridge. After e2e.sh.
# shellcheck shell=bash disable=SC2034 # used by those that source this
HOSTS_NET=10.77.63 # host k is hk, at $HOSTS_NET.k
HOSTS_ID=forage$$
hosts_made=0

# in_host K COMMAND...: run it there
in_host() {
    local k=$1
    shift
    nsenter -t "$(cat "$T/host.$k")" -m -u -n -p --wd="$PWD" -- "$@"
}
unplug() { ip -n "$HOSTS_ID" link set "h$1" down; } # unplug K: pull the cable of host K
plug() { ip -n "$HOSTS_ID" link set "h$1" up; }

# What the first process of host $1 does; the folder is $2.
# shellcheck disable=SC2016 # the inner shell expands it
HOST_INIT='hostname "h$1" && mount --bind "$2/etc_hosts" /etc/hosts && mount --bind "$2/ssh_config" /etc/ssh/ssh_config &&
    mount -t tmpfs tmpfs /run && mkdir /run/sshd && $(command -v sshd) -f "$2/sshd_config" && touch "$2/ready.$1"
    while :; do sleep 1000 & wait $!; done'

make_network() { # make_network N
    local k
    ip netns add "$HOSTS_ID" && ip -n "$HOSTS_ID" link add br0 type bridge && ip -n "$HOSTS_ID" link set br0 up || return 1
    for k in $(seq "$1"); do
        hosts_made=$k
        ip netns add "$HOSTS_ID.$k" && ip -n "$HOSTS_ID" link add "h$k" type veth peer name eth0 netns "$HOSTS_ID.$k" &&
            ip -n "$HOSTS_ID" link set "h$k" master br0 && plug "$k" &&
            ip -n "$HOSTS_ID.$k" addr add "$HOSTS_NET.$k/24" dev eth0 &&
            ip -n "$HOSTS_ID.$k" link set lo up && ip -n "$HOSTS_ID.$k" link set eth0 up || return 1
    done
}

make_keys() { # make_keys N
    local k
    ssh-keygen -q -t ed25519 -N '' -f "$T/key" && ssh-keygen -q -t ed25519 -N '' -f "$T/hostkey" || return 1
    printf '%s\n' "HostKey $T/hostkey" "AuthorizedKeysFile $T/key.pub" "PidFile none" "UsePAM no" "StrictModes no" \
        "PermitRootLogin prohibit-password" >"$T/sshd_config"
    printf '%s\n' "IdentityFile $T/key" "UserKnownHostsFile $T/known_hosts" >"$T/ssh_config"
    echo "127.0.0.1 localhost" >"$T/etc_hosts"
    for k in $(seq "$1"); do
        echo "$HOSTS_NET.$k h$k" >>"$T/etc_hosts"
        echo "h$k,$HOSTS_NET.$k $(cat "$T/hostkey.pub")" >>"$T/known_hosts"
    done
}

start_hosts() { # start_hosts N
    local k outer
    for k in $(seq "$1"); do
        ip netns exec "$HOSTS_ID.$k" unshare -m -u -p -f --kill-child --mount-proc sh -c "$HOST_INIT" sh "$k" "$T" \
            </dev/null >/dev/null 2>&1 &
        outer=$!
        echo $outer >"$T/outer.$k"
        wait_for 10 test -e "$T/ready.$k" && pgrep -P $outer >"$T/host.$k" || return 1
    done
}

# make_hosts N: false and a reason in $why where that cannot be done
make_hosts() {
    local tool k
    why="only root can"
    [ "$(id -u)" = 0 ] || return 1
    for tool in ip unshare nsenter ssh sshd ssh-keygen pgrep; do
        why="no $tool"
        command -v "$tool" >/dev/null || return 1
    done
    why="no network namespaces on a bridge"
    make_network "$1" >/dev/null 2>&1 || return 1
    why="no hosts in namespaces"
    make_keys "$1" && start_hosts "$1" || return 1
    why="no ssh between namespaces"
    for k in $(seq 2 "$1"); do
        in_host 1 ssh -n -o BatchMode=yes -o ConnectTimeout=5 "h$k" true >/dev/null 2>&1 || return 1
    done
}

drop_hosts() {
    local k
    for k in $(seq "$hosts_made"); do
        [ ! -s "$T/outer.$k" ] || kill -9 "$(cat "$T/outer.$k")" # the host goes with it
        ip netns del "$HOSTS_ID.$k"
    done
    ip netns del "$HOSTS_ID"
} 2>/dev/null
