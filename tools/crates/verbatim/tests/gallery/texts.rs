//! What scripts and generators write.

use super::{case, Case};

pub const CASES: &[Case] = &[
    case(
        "a date in a header file",
        "timestamp",
        "printf '#define VERSION \"1.2\"\\n#define BUILT \"%s\"\\n' \"$(date -u -d @17${N}0000000 +%Y-%m-%dT%H:%M:%SZ)\" >$OUT",
    ),
    case(
        "a comment of java.util.Properties",
        "timestamp",
        "printf '#%s\\nversion=1.2\\n' \"$(date -u -d @17${N}0000000)\" >$OUT",
    ),
    case(
        "seconds since 1970",
        "timestamp",
        "echo \"{\\\"version\\\": \\\"1.2\\\", \\\"built\\\": 17${N}0000000}\" >$OUT",
    ),
    case(
        "a set of strings",
        "hash-order",
        "PYTHONHASHSEED=$((N + 1)) python3 -c 'print(\"\\n\".join({\"alpha\", \"beta\", \"gamma\", \"delta\", \"epsilon\"}))' >$OUT",
    ),
    case(
        "keys of a document",
        "hash-order",
        "PYTHONHASHSEED=$((N + 1)) python3 -c 'import json; print(json.dumps({k: len(k) for k in {\"alpha\", \"beta\", \"gamma\", \"delta\", \"epsilon\"}}, indent=1))' >$OUT",
    ),
    case(
        "names of files as the folder has them",
        "file-order",
        "order=('a.c b.c sub/c.c' 'sub/c.c a.c b.c'); for f in ${order[N]}; do printf '%s  %s\\n' $(echo $f | sha256sum | cut -c1-64) $f; done >$OUT",
    ),
    case(
        "a UUID",
        "uuid",
        "python3 -c 'import random, uuid, os; random.seed(int(os.environ[\"N\"])); print(\"urn:uuid:\" + str(uuid.UUID(int=random.getrandbits(128), version=4)))' >$OUT",
    ),
    case(
        "a number drawn at random",
        "random-id",
        "python3 -c 'import random, os; random.seed(int(os.environ[\"N\"])); print(\"session = %032x\" % random.getrandbits(128))' >$OUT",
    ),
    case(
        "the name of a temporary file",
        "random-id",
        "name=(tmp.Hx8fQ2kLzP tmp.a9ZrT0wQmB); printf 'input %s\\noutput result.bin\\n' ${name[N]} >$OUT",
    ),
    case(
        "the folder of the build",
        "build-path",
        "mkdir job$N; cd job$N; printf 'prefix=/usr\\nsrcdir=%s\\n' $PWD >$OUT",
    ),
    case(
        "the name of the machine",
        "hostname",
        "host=(ci-17 ci-23); printf 'version: 1.2\\nhostname: %s\\n' ${host[N]} >$OUT",
    ),
    case(
        "user and machine",
        "hostname",
        "host=(ci-17 ci-23); printf 'Linux version 6.1.0 (root@%s) #1 SMP\\n' ${host[N]} >$OUT",
    ),
    case(
        "the name of the user",
        "username",
        "user=(alice robert); printf 'Name: x\\nBuilt-By: %s\\n' ${user[N]} >$OUT",
    ),
    case(
        "the language",
        "locale",
        "lang=(C.UTF-8 de_DE.UTF-8); printf 'PATH=/usr/bin\\nLANG=%s\\n' ${lang[N]} >$OUT",
    ),
    case(
        "the same moment in another time zone",
        "timezone",
        "zone=(UTC Asia/Tokyo); TZ=${zone[N]} date -d @1700000000 '+built %Y-%m-%dT%H:%M:%S%z' >$OUT",
    ),
    case(
        "the kernel",
        "kernel-version",
        "kernel=(6.1.0-18-amd64 6.8.0-45-generic); printf 'built on Linux %s x86_64\\n' ${kernel[N]} >$OUT",
    ),
    case(
        "the compiler",
        "toolchain-version",
        "version=('gcc (Debian 12.2.0-14) 12.2.0' 'gcc (Debian 13.3.0-3) 13.3.0'); printf 'configured with\\n%s\\n' \"${version[N]}\" >$OUT",
    ),
    case(
        "a variable of the environment",
        "environment",
        "pager=(less more); env -i PAGER=${pager[N]} A=1 env >$OUT",
    ),
    case(
        "the number of jobs",
        "parallelism",
        "printf 'make all\\nMAKEFLAGS=-j%d\\n' $((4 + 4 * N)) >$OUT",
    ),
    case(
        "the number of cores",
        "parallelism",
        "printf 'nproc: %d\\nresult: ok\\n' $((4 + 4 * N)) >$OUT",
    ),
    case(
        "line endings",
        "line-endings",
        "end=('\\n' '\\r\\n'); printf \"one${end[N]}two${end[N]}\" >$OUT",
    ),
    case(
        "a value of a document",
        "source-change",
        "echo \"{\\\"a\\\": {\\\"colour\\\": \\\"${N/0/red}\\\"}}\" >$OUT",
    ),
    case(
        "a word of a text",
        "source-change",
        "word=(red blue); printf 'The door\\nis %s\\nand closed.\\n' ${word[N]} >$OUT",
    ),
    case(
        "a signature over the same bytes",
        "signature",
        "python3 -c 'import base64, random, os; random.seed(int(os.environ[\"N\"])); print(\"-----BEGIN PGP SIGNATURE-----\\n\\n\" + base64.b64encode(b\"\\x89\\x01\" + random.randbytes(88)).decode() + \"\\n-----END PGP SIGNATURE-----\")' >$OUT",
    ),
    case(
        "a log of three hundred lines",
        "timestamp",
        "for i in $(seq 300); do printf '%(%Y-%m-%d %H:%M:%S)T,%03d INFO [main] org.example.Step - step %d done\n' $((1764065472 + 80000 * N + i * (3 + N))) $((i * 7 % 1000)) $i; done >$OUT",
    ),
    case(
        "a page of two megabytes on one line",
        "timestamp",
        "{ printf '!function(){'; seq -f 'function f%.0f(a,b){return a*7+b[1]}' 60000 | tr -d '\n'; printf 'var BUILD={time:\"2026-11-2%dT10:11:12Z\",v:\"1.2.3\"}}();' $((5 + N)); } >$OUT",
    ),
    case(
        "names of files found in a Makefile",
        "file-order",
        "order=('src/b.c src/net/a.c src/main.c' 'src/main.c src/b.c src/net/a.c'); printf 'SRCS = %s\nall: x\n' \"${order[N]}\" >$OUT",
    ),
    case(
        "output of a build with several jobs",
        "parallelism",
        "order=('a b c d' 'b d a c'); i=0; for f in ${order[N]}; do i=$((i + 1)); echo \"[$i/4] CC $f.o\"; done >$OUT",
    ),
];
