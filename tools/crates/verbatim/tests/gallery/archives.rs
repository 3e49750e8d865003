//! What writes archives and compressed files.

use super::{case, Case};

pub const CASES: &[Case] = &[
    case(
        "tar with times of the files",
        "timestamp",
        "mkdir t; echo x >t/f; touch -d @170000000$N t t/f; tar -cf $OUT t",
    ),
    case(
        "tar by another user",
        "owner",
        "echo x >f; touch -d @0 f; tar --owner=$((1000 + N)) --group=$((1000 + N)) -cf $OUT f",
    ),
    case(
        "tar with the name of the user",
        "owner",
        "name=(alice bob); echo x >f; touch -d @0 f; tar --owner=${name[N]}:1000 --group=0 -cf $OUT f",
    ),
    case(
        "tar under another umask",
        "mode",
        "mask=(022 002); umask ${mask[N]}; mkdir t; echo x >t/f; touch -d @0 t t/f; tar -cf $OUT t",
    ),
    case(
        "tar in the order of the folder",
        "file-order",
        "for f in a b c d; do echo $f >$f; touch -d @0 $f; done; order=('a b c d' 'c a d b'); tar -cf $OUT ${order[N]}",
    ),
    case(
        "tar in another format",
        "archive-header",
        "format=(gnu ustar); echo x >f; touch -d @0 f; tar --format=${format[N]} -cf $OUT f",
    ),
    case(
        "tar with another blocking factor",
        "archive-header",
        "echo x >f; touch -d @0 f; tar -b $((1 + 19 * N)) -cf $OUT f",
    ),
    case(
        "tar with extended headers named by the process",
        "archive-header",
        "echo x >f; touch -d @0.5 f; tar --format=posix --pax-option=exthdr.name=%d/PaxHeaders.12$N/%f,delete=atime,delete=ctime -cf $OUT f",
    ),
    case(
        "tar of a link or a copy",
        "hardlink",
        "echo x >a; link=('ln a b' 'cp a b'); ${link[N]}; touch -d @0 a b; tar -cf $OUT a b",
    ),
    case(
        "tar with an extended attribute",
        "xattr",
        "echo x >f; touch -d @0 f; setfattr -n user.origin -v mirror$N f; tar --format=posix --pax-option=delete=atime,delete=ctime --xattrs --xattrs-include='*' -cf $OUT f",
    ),
    case(
        "tar with a file more",
        "added-file",
        "echo x >a; if [ $N = 1 ]; then echo y >b; fi; touch -d @0 *; tar -cf $OUT *",
    ),
    case(
        "tar with a file less",
        "removed-file",
        "echo x >a; if [ $N = 0 ]; then echo y >b; fi; touch -d @0 *; tar -cf $OUT *",
    ),
    case(
        "gzip with the time of the file",
        "timestamp",
        "seq 1000 >f; touch -d @170000000$N f; gzip f; mv f.gz $OUT",
    ),
    case(
        "gzip with the name of the file",
        "archive-header",
        "seq 1000 >f$N; touch -d @1000000 f$N; gzip f$N; mv f$N.gz $OUT",
    ),
    case(
        "gzip on another level",
        "compression",
        "seq 10000 | gzip -n -$((1 + 8 * N)) >$OUT",
    ),
    case(
        "gzip by another program",
        "compression",
        "with=('gzip -n' 'pigz -n'); seq 100000 | ${with[N]} >$OUT",
    ),
    case(
        "zstd on another level",
        "compression",
        "seq 10000 | zstd -q -$((1 + 8 * N)) >$OUT",
    ),
    case(
        "xz with another number of threads",
        "compression",
        "seq 100000 | xz -T$((1 + N)) --block-size=65536 >$OUT",
    ),
    case(
        "zip with times",
        "timestamp",
        "echo x >f; touch -d \"2024-01-0$((1 + N)) 00:00\" f; zip -q -X $OUT.zip f; mv $OUT.zip $OUT",
    ),
    case(
        "zip in the order of the folder",
        "file-order",
        "for f in a b c; do echo $f >$f; touch -d @400000000 $f; done; order=('a b c' 'b c a'); zip -q -X $OUT.zip ${order[N]}; mv $OUT.zip $OUT",
    ),
    case(
        "zip on another level",
        "compression",
        "seq 5000 >f; touch -d @400000000 f; zip -q -X -$((1 + 8 * N)) $OUT.zip f; mv $OUT.zip $OUT",
    ),
    case(
        "jar of equal classes",
        "timestamp",
        "mkdir c; echo x >c/R.txt; touch -d @400000000 c/R.txt; jar --create --file $OUT.jar --date=2024-05-0$((6 + N))T07:08:10Z -C c R.txt; mv $OUT.jar $OUT",
    ),
    case(
        "ar with times",
        "timestamp",
        "echo x >a.txt; touch -d @170000000$N a.txt; ar rcU $OUT a.txt",
    ),
    case(
        "ar in another order",
        "file-order",
        "echo x >a.txt; echo y >b.txt; order=('a.txt b.txt' 'b.txt a.txt'); ar rcD $OUT ${order[N]}",
    ),
    case(
        "Debian package at another time",
        "timestamp",
        "mkdir -p p/DEBIAN p/usr/share/x; printf 'Package: x\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@example.com>\\nDescription: x\\n' >p/DEBIAN/control; echo x >p/usr/share/x/f; chmod -R u=rwX,go=rX p; SOURCE_DATE_EPOCH=170000000$N dpkg-deb -Znone --root-owner-group -b p $OUT.deb >/dev/null; mv $OUT.deb $OUT",
    ),
    case(
        "a changed file, three containers deep",
        "source-change",
        "mkdir in; echo \"colour = ${N/0/red}\" >in/settings.conf; touch -d @0 in in/settings.conf; tar -C in -cf in.tar settings.conf; gzip -n in.tar; touch -d @0 in.tar.gz; ar rcD $OUT in.tar.gz",
    ),
    case(
        "tar with fractions of seconds",
        "timestamp",
        "echo x >f; touch -d @1700000000.${N}5 f; tar --format=posix --pax-option=delete=atime,delete=ctime --owner=0 --group=0 -cf $OUT f",
    ),
    case(
        "tar with another link",
        "build-path",
        "home=(alice bob); ln -s /home/${home[N]}/out/bin/tool tool; touch -h -d @0 tool; tar --owner=0 --group=0 -cf $OUT tool",
    ),
    case(
        "tar with a sparse file",
        "archive-header",
        "truncate -s 1M f; echo x >>f; touch -d @0 f; how=('' -S); tar ${how[N]} --owner=0 --group=0 -cf $OUT f",
    ),
    case(
        "file system for the start, with times",
        "timestamp",
        "mkdir -p t/etc; echo x >t/etc/x; touch -d @170000000$N t/etc/x; touch -d @0 t t/etc; bsdtar --format newc --uid 0 --gid 0 -cf - -C t etc | gzip -n >$OUT",
    ),
    case(
        "file system for the start, from another disk",
        "archive-header",
        "python3 -c 'import os; n = int(os.environ[\"N\"]); h = lambda name, ino, data: ((\"070701\" + \"\".join(\"%08x\" % v for v in [ino, 33188, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0])).encode() + name + bytes(1)); pad = lambda b: b + bytes(-len(b) % 4); open(os.environ[\"OUT\"], \"wb\").write(pad(h(b\"init\", 1234 + 77 * n, b\"#!/bin/sh\")) + pad(b\"#!/bin/sh\") + pad(h(b\"TRAILER!!!\", 0, b\"\")))'",
    ),
    case(
        "jar with the name of the user",
        "username",
        "user=(jenkins kim); printf 'Built-By: %s\nImplementation-Version: 1.2\n' ${user[N]} >m; echo x >R; jar --create --file $OUT.jar --manifest m --date=2024-05-06T07:08:10Z R; mv $OUT.jar $OUT",
    ),
    case(
        "classes for another release",
        "toolchain-version",
        "release=(17 21); echo 'class M { int f(int a) { return a + 1; } }' >M.java; javac --release ${release[N]} M.java 2>/dev/null; jar --create --file $OUT.jar --date=2024-05-06T07:08:10Z M.class; mv $OUT.jar $OUT",
    ),
    case(
        "wheel with times",
        "timestamp",
        "python3 -c 'import zipfile, os; z = zipfile.ZipFile(os.environ[\"OUT\"], \"w\"); [z.writestr(zipfile.ZipInfo(f, (2026, 11, 25, 10, 11, 2 + 2 * int(os.environ[\"N\"]))), \"Name: x\") for f in (\"x/__init__.py\", \"x-1.dist-info/METADATA\")]'",
    ),
];
