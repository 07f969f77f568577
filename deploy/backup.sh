#!/bin/sh
# Backs up the reference service's store and its keys, and restores them: backup.sh --help
set -eu
umask 077

usage() {
    cat <<'TEXT'
Backs up the reference service's store and its keys, and restores them.

    backup.sh make BACKUP KEYS   copies store and keys into two new folders; services may serve meanwhile
    backup.sh restore BACKUP     restores the store to where none is, while no service runs

A restored store has forgotten which codes were used since. So restore raises the epoch of the key ring before the
store is in its place: no code from before the restore is accepted. Nothing is overwritten but the key ring.

The files are those of the service's own settings:
    OTP_REFERENCE_DATA                  folder of the SQLite file and of the keys [otp-contract-data]
    OTP_REFERENCE_KEYS                  key ring [keys.json in that folder]
    OTP_REFERENCE_SIGNING_KEY           signing key [signing.pem in that folder]
    OTP_REFERENCE_RETIRED_SIGNING_KEYS  public keys that signed before [none]
    OTP_DATABASE                        PostgreSQL in place of SQLite: postgres://user@host/db, as the role that
                                        owns the tables, and without a password: over the server's socket

Run it as the user of the service, or as root. It needs the command otp, and sqlite3 or PostgreSQL's programs.
Users' files, passwords and tokens are not in the backup. Exit code: 0 done, all others not done.
TEXT
}

fail() {
    echo "backup.sh: $1" >&2
    exit 1
}

is_new() {
    [ ! -e "$1" ] && [ ! -L "$1" ] || fail "$1 is there already, and is kept: $2"
}

# Prints the epoch of a key ring; its other keys have to be sound too.
epoch() {
    told=$(otp keys check "$keys" "$signing" ${retired:+"$retired"}) || fail "${told#NOT SOUND: }"
    echo "$told" | sed -n 's/.*: key ring of epoch //p'
}

# Checks that a store belongs to the keys.
check() {
    told=$(otp store check --keys "$keys" "$@") && return
    told=${told#NOT SO: }
    fail "$keys: ${told%; here that is*}"
}

make() {
    backup=$(readlink -m -- "$1") kept=$(readlink -m -- "$2")
    case $kept/ in
        "$backup"/*) fail "$2 is in $1: keep the keys apart from the store" ;;
    esac
    case $backup/ in
        "$kept"/*) fail "$1 is in $2: keep the keys apart from the store" ;;
    esac
    for folder in "$backup" "$kept"; do
        is_new "$folder" "name a new folder"
        is_new "$folder.part" "another run makes it, or one that was cut off left it: remove it"
        mkdir -p "$(dirname "$folder")"
    done
    mkdir "$backup.part" && store_part=$backup.part
    mkdir "$kept.part" && keys_part=$kept.part
    if [ -n "${OTP_DATABASE-}" ]; then
        pg_dump --format=custom --schema=otp_engine --file="$backup.part/store.dump" --dbname="$OTP_DATABASE"
        check
    else
        [ -f "$store" ] || fail "$store is not there: name its folder by OTP_REFERENCE_DATA, or PostgreSQL by OTP_DATABASE"
        # Not cp: the newest commits are in the log beside the file.
        sqlite3 -bail -cmd '.timeout 30000' "$store" 'VACUUM INTO '"'$(quoted "$backup.part/otp.sqlite3")'"
        check --sqlite "$backup.part/otp.sqlite3"
    fi
    # After the store: its codes are of no later epoch.
    cp -p "$keys" "$kept.part/keys.json"
    cp -p "$signing" "$kept.part/signing.pem"
    [ -z "$retired" ] || cp -p "$retired" "$kept.part/retired.jwks"
    epoch >"$backup.part/epoch"
    sync
    mv -T "$kept.part" "$kept"
    mv -T "$backup.part" "$backup"
    echo "$backup has the store, $kept the keys: keep them apart"
}

restore() {
    backup=$(readlink -m -- "$1")
    [ -f "$backup/epoch" ] || fail "$1 is no whole backup: it has no file epoch"
    before=$(cat "$backup/epoch")
    now=$(epoch)
    [ "$now" -ge "$before" ] || fail "$keys has epoch $now and is older than the backup, which is of epoch $before"
    if [ -n "${OTP_DATABASE-}" ]; then
        [ -f "$backup/store.dump" ] || fail "$backup is no backup of PostgreSQL: unset OTP_DATABASE"
        there=$(psql -XAtqd "$OTP_DATABASE" -c "SELECT count(*) FROM pg_namespace WHERE nspname = 'otp_engine'")
        [ "$there" = 0 ] || fail "the database holds a store already, which is kept: name an empty one by OTP_DATABASE"
        others=$(psql -XAtqd "$OTP_DATABASE" -c "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
        [ "$others" = 0 ] || fail "somebody else is connected to the database: stop all services of the store"
        raise
        pg_restore --exit-on-error --single-transaction --dbname="$OTP_DATABASE" "$backup/store.dump"
        check
    else
        [ -f "$backup/otp.sqlite3" ] || fail "$backup is no backup of SQLite: name the database by OTP_DATABASE"
        for file in "$store" "$store-wal" "$store-shm" "$store-journal"; do
            is_new "$file" "move it away"
        done
        is_new "$store.part" "another run makes it, or one that was cut off left it: remove it"
        mkdir "$store.part" && store_part=$store.part
        copy=$store_part/otp.sqlite3
        cp "$backup/otp.sqlite3" "$copy"
        check --sqlite "$copy"
        own "$copy" "$data"
        raise
        mv -T "$copy" "$store"
    fi
    sync
    cat <<TEXT
the store is restored, and the epoch in $keys is $(epoch): codes from before are void. Now
1. copy $keys to each server of this store, and start the services
2. compare the newest signature records with copies held elsewhere: those made since the backup are gone
TEXT
}

# Voids the codes that were sent with this key ring.
raise() {
    rm -f "$keys.raised"
    keys_part=$keys.raised
    otp keys rotate "$keys" "$keys.raised" --raise-epoch --kid "r$(date +%s)" >/dev/null
    own "$keys.raised" "$keys"
    mv -T "$keys.raised" "$keys"
    sync
}

# Gives a file that root made to the owner of another.
own() {
    [ "$(id -u)" != 0 ] || chown --no-dereference --reference="$2" "$1"
}

quoted() {
    printf %s "$1" | sed "s/'/''/g"
}

data=${OTP_REFERENCE_DATA:-otp-contract-data}
store=$data/otp.sqlite3
keys=${OTP_REFERENCE_KEYS:-$data/keys.json}
# A link would be replaced, and the services go on with the ring as it was.
[ ! -L "$keys" ] || keys=$(readlink -f -- "$keys")
signing=${OTP_REFERENCE_SIGNING_KEY:-$data/signing.pem}
retired=${OTP_REFERENCE_RETIRED_SIGNING_KEYS-}

# However it ends, no copy of keys and no half store is left.
store_part='' keys_part=''
trap 'rm -rf "$store_part" "$keys_part"' EXIT
trap 'exit 130' INT TERM HUP

case "${1-} $#" in
    '--help 1' | '-h 1') usage && exit ;;
    'make 3' | 'restore 2') ;;
    *) usage >&2 && exit 2 ;;
esac
[ -z "${OTP_REFERENCE_DATABASE-}" ] || [ -n "${OTP_DATABASE-}" ] ||
    fail "OTP_REFERENCE_DATABASE is set and OTP_DATABASE is not: name the database by it, as the owner of the tables"
case "${OTP_DATABASE-}" in
    *password* | *://*:*@*) fail "OTP_DATABASE holds a password, which every user of this machine could see: leave it out" ;;
esac
"$@"
