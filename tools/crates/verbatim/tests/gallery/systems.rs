//! Files of an installed system: folders that stand for a root file system.

use super::{case, Case};

pub const CASES: &[Case] = &[
    case(
        "day of the last change of a password",
        "password-age",
        "mkdir -p $OUT/etc; printf 'root:*:1970%d:0:99999:7:::\\ndaemon:*:19700:0:99999:7:::\\n' $N >$OUT/etc/shadow",
    ),
    case(
        "identity of the machine",
        "machine-id",
        "mkdir -p $OUT/etc; printf '0123456789abcdef0123456789abcde%d\\n' $N >$OUT/etc/machine-id",
    ),
    case(
        "keys of the SSH server",
        "host-key",
        "mkdir -p $OUT/etc/ssh; ssh-keygen -q -t ed25519 -N '' -C root -f $OUT/etc/ssh/ssh_host_ed25519_key",
    ),
    case(
        "a log",
        "log-or-cache",
        "mkdir -p $OUT/var/log; printf '2024-01-0%d 10:00:00 install bash\\n' $((1 + N)) >$OUT/var/log/dpkg.log",
    ),
    case(
        "a cache",
        "log-or-cache",
        "mkdir -p $OUT/var/cache/ldconfig; python3 -c 'import random, os; random.seed(int(os.environ[\"N\"])); open(os.environ[\"OUT\"] + \"/var/cache/ldconfig/aux-cache\", \"wb\").write(random.randbytes(400))'",
    ),
    case(
        "packages of dpkg in another order",
        "package-database",
        "mkdir -p $OUT/var/lib/dpkg; p() { printf 'Package: %s\\nStatus: install ok installed\\nVersion: 1.0\\nArchitecture: all\\n\\n' $1; }; order=('bash dash sed' 'sed bash dash'); for n in ${order[N]}; do p $n; done >$OUT/var/lib/dpkg/status",
    ),
    case(
        "another version of a package",
        "package-change",
        "mkdir -p $OUT/var/lib/dpkg; for n in bash dash; do printf 'Package: %s\\nStatus: install ok installed\\nArchitecture: all\\nVersion: 1.%d\\n\\n' $n $([ $n = bash ] && echo $N || echo 0); done >$OUT/var/lib/dpkg/status",
    ),
    case(
        "rows of a database in another order",
        "hash-order",
        "rows=(\"('a',1),('b',2),('c',3)\" \"('c',3),('a',1),('b',2)\"); sqlite3 $OUT \"create table t(k text, v int); insert into t values ${rows[N]};\"",
    ),
    case(
        "a time in a database",
        "timestamp",
        "sqlite3 $OUT \"create table t(name text, installed int); insert into t values ('a', 17${N}0000000), ('b', 1600000000);\"",
    ),
    case(
        "the time of installation in the database of rpm",
        "timestamp",
        "mkdir s; printf 'Name: x\\nVersion: 1\\nRelease: 1\\nSummary: x\\nLicense: x\\nBuildArch: noarch\\n%%description\\nx\\n%%files\\n' >s/x.spec; SOURCE_DATE_EPOCH=1600000000 rpmbuild -bb --quiet --define \"_topdir $PWD/s\" --define '_buildhost h.example.com' --define 'use_source_date_epoch_as_buildtime 1' s/x.spec >/dev/null 2>&1; rpm --root $PWD/r --initdb; rpm --root $PWD/r -i --justdb --nodeps s/RPMS/noarch/*.rpm; mkdir $OUT; mkdir -p $OUT/var/lib/rpm; cp $(find r -name rpmdb.sqlite) $OUT/var/lib/rpm/; sleep 1.1",
    )
    .follows(&["package-database"]),
    case(
        "packages built on another machine",
        "hostname",
        "mkdir s; host=(builder-a builder-b); printf 'Name: x\\nVersion: 1\\nRelease: 1\\nSummary: x\\nLicense: x\\nBuildArch: noarch\\n%%description\\nx\\n%%files\\n' >s/x.spec; SOURCE_DATE_EPOCH=1600000000 rpmbuild -bb --quiet --define \"_topdir $PWD/s\" --define \"_buildhost ${host[N]}.example.com\" --define 'use_source_date_epoch_as_buildtime 1' s/x.spec >/dev/null 2>&1; mv s/RPMS/noarch/*.rpm $OUT",
    )
    .follows(&["signature"]),
    case(
        "mode of one file in a folder",
        "mode",
        "mkdir $OUT; echo x >$OUT/run; chmod 7$((5 - N))5 $OUT/run",
    ),
    case(
        "accounts in another order",
        "hash-order",
        "mkdir -p $OUT/etc; order=('a b c' 'c a b'); for user in ${order[N]}; do echo \"$user:x:99:99::/:/bin/false\"; done >$OUT/etc/passwd",
    ),
    case(
        "a key that was made anew",
        "random-id",
        "mkdir -p $OUT/etc; openssl genpkey -algorithm ed25519 -out $OUT/etc/key.pem 2>/dev/null",
    ),
    case(
        "bytecode in a folder",
        "timestamp",
        "mkdir -p $OUT/usr/lib/python3/__pycache__; echo x=1 >m.py; touch -d @170000000$N m.py; python3 -c 'import py_compile, os; py_compile.compile(\"m.py\", os.environ[\"OUT\"] + \"/usr/lib/python3/__pycache__/m.cpython-314.pyc\", dfile=\"/usr/lib/python3/m.py\")'",
    ),
];
