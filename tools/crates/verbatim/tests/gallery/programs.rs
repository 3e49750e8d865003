//! What compilers and interpreters write.

use super::{case, Case};

pub const CASES: &[Case] = &[
    case(
        "C program with debug information, built elsewhere",
        "build-path",
        "mkdir src$N; cd src$N; echo 'int main(void){return 0;}' >m.c; gcc -g -o $OUT m.c",
    )
    .follows(&["build-id", "debug-info"]),
    case(
        "C program that names its source",
        "build-path",
        "mkdir src$N; echo 'const char *f(void){return __FILE__;} int main(void){return f()[0];}' >src$N/m.c; gcc -o $OUT $PWD/src$N/m.c",
    )
    .follows(&["build-id", "debug-info"]),
    case(
        "C program with the time of its build",
        "timestamp",
        "echo '#include <stdio.h>\nint main(void){puts(\"built \" __DATE__ \" \" __TIME__);}' >m.c; SOURCE_DATE_EPOCH=17${N}0000000 gcc -o $OUT m.c",
    )
    .follows(&["build-id"]),
    case(
        "object file with the time of its build",
        "timestamp",
        "echo 'const char when[] = __DATE__ \" \" __TIME__;' >m.c; SOURCE_DATE_EPOCH=17${N}0000000 gcc -c -o $OUT m.c",
    ),
    case(
        "build ID drawn at random",
        "build-id",
        "echo 'int main(void){return 0;}' >m.c; gcc -Wl,--build-id=0x00112233445566778899aabbccddeeff0011223$N -o $OUT m.c",
    ),
    case(
        "another compiler",
        "toolchain-version",
        "echo 'int main(void){return 0;}' >m.c; gcc -Wl,--build-id=none -o $OUT m.c; printf 'GCC: (Debian 12.2.0-1%d) 12.2.0\\0' $((4 + N)) >c; objcopy --update-section .comment=c $OUT",
    ),
    case(
        "objects linked in another order",
        "file-order",
        "echo 'int a(int x){return x * 3;}' >a.c; echo 'int b(int x){return x + 5;}' >b.c; echo 'int a(int),b(int);int main(int c,char**v){return a(b(c));}' >m.c; gcc -O1 -c a.c b.c m.c; order=('a.o b.o' 'b.o a.o'); gcc -o $OUT m.o ${order[N]}",
    )
    .follows(&["build-id", "debug-info"]),
    case(
        "debug information of the same program",
        "debug-info",
        "echo 'int main(void){return 0;}' >m.c; flag=(-gdwarf-5 -gdwarf-4); gcc ${flag[N]} -Wl,--build-id=none -o $OUT m.c",
    ),
    case(
        "a string of the program",
        "source-change",
        "echo \"#include <stdio.h>\nint main(void){puts(\\\"colour ${N/0/red}\\\");}\" >m.c; gcc -o $OUT m.c",
    )
    .follows(&["build-id"]),
    case(
        "C program that knows its machine",
        "hostname",
        "host=(builder-a builder-b); echo '#include <stdio.h>\nint main(void){puts(\"built on host \" HOST);}' >m.c; gcc -DHOST=\"\\\"${host[N]}.example.com\\\"\" -o $OUT m.c",
    )
    .follows(&["build-id"]),
    case(
        "C program that knows its builder",
        "username",
        "user=(alice robert); echo '#include <stdio.h>\nint main(void){puts(\"built by user \" BY);}' >m.c; gcc -DBY=\"\\\"${user[N]}\\\"\" -o $OUT m.c",
    )
    .follows(&["build-id"]),
    case(
        "Rust program built elsewhere",
        "build-path",
        "mkdir src$N; echo 'fn main(){ let n = std::env::args().count(); assert!(n < 5, \"too many\"); }' >src$N/m.rs; rustc --crate-name m -C opt-level=1 -o $OUT $PWD/src$N/m.rs",
    )
    .follows(&["build-id", "debug-info"]),
    case(
        "static library built elsewhere",
        "build-path",
        "mkdir src$N; echo 'const char *f(void){return __FILE__;}' >src$N/m.c; gcc -c -o m.o $PWD/src$N/m.c; ar rcD $OUT m.o",
    ),
    case(
        "bytecode with the time of its source",
        "timestamp",
        "echo 'x = 1' >m.py; touch -d @170000000$N m.py; python3 -c 'import py_compile,os; py_compile.compile(\"m.py\", os.environ[\"OUT\"], dfile=\"m.py\")'",
    ),
    case(
        "bytecode with the path of its source",
        "build-path",
        "mkdir src$N; echo 'def f(): return 1' >src$N/m.py; touch -d @0 src$N/m.py; python3 -c 'import py_compile,os; py_compile.compile(os.getcwd() + \"/src\" + os.environ[\"N\"] + \"/m.py\", os.environ[\"OUT\"], invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)'",
    ),
    case(
        "class with a changed string",
        "source-change",
        "echo \"class M { String s = \\\"colour ${N/0/red}\\\"; }\" >M.java; javac M.java; mv M.class $OUT",
    ),
    case(
        "a small number in a static library",
        "source-change",
        "echo 'int a(int x){return x*3;}' >a.c; echo \"int b(int x){return x+$((17 + 40 * N));}\" >b.c; gcc -c a.c b.c; ar rcD $OUT a.o b.o",
    ),
    case(
        "C program on another level of optimisation",
        "source-change",
        "echo 'int g(int a){return a*7+3;} int main(int c,char**v){int s=0;for(int i=0;i<c;i++)s+=g(i)*v[i][0];return s;}' >m.c; gcc -O$((2 * N)) -o $OUT m.c",
    )
    .follows(&["build-id", "debug-info"]),
    case(
        "C program of another commit",
        "source-change",
        "commit=(4f2a9c1b7d44e0aa91b2c3d4e5f60718293a4b5c 9be01c22aa10ffee0011223344556677889900aa); echo '#include <stdio.h>\nint main(void){puts(\"version 1.2 commit \" COMMIT);}' >m.c; gcc -DCOMMIT=\"\\\"${commit[N]}\\\"\" -o $OUT m.c",
    )
    .follows(&["build-id"]),
    case(
        "C program with the folder of its libraries",
        "build-path",
        "home=(alice bob); echo 'int main(void){return 0;}' >m.c; gcc -Wl,--build-id=none -Wl,-rpath,/home/${home[N]}/w/lib -o $OUT m.c",
    ),
    case(
        "C program without its debug information",
        "debug-info",
        "echo 'int main(void){return 0;}' >m.c; gcc -g -o $OUT m.c; [ $N = 0 ] || strip -g $OUT",
    )
    .follows(&["build-id"]),
    case(
        "kernel module for another kernel",
        "kernel-version",
        "kernel=(6.1.0-18-amd64 6.1.0-20-amd64); echo \"static const char v[] __attribute__((section(\\\".modinfo\\\"),used)) = \\\"vermagic=${kernel[N]} SMP preempt mod_unload \\\"; int f(void){return 0;}\" >m.c; gcc -c -o $OUT m.c",
    ),
    case(
        "a pickled set",
        "hash-order",
        "PYTHONHASHSEED=$((7 * N + 1)) python3 -c 'import pickle, os; pickle.dump({\"tags\": {\"alpha\", \"beta\", \"gamma\", \"delta\"}}, open(os.environ[\"OUT\"], \"wb\"))'",
    ),
];
