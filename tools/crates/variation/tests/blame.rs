//! Logs that are written here, field by field, and who is to blame by them.

use std::io::Write as _;
use std::path::Path;

use verbatim_variation::blame::{blame, Blame, Origin, Root};
use verbatim_variation::log::{Fault, Lenience, Log};

/// Fields of a protocol buffer message.
#[derive(Default, Clone)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.as_ref().len() as u64);
        self.0.extend_from_slice(value.as_ref());
        self
    }

    fn message(self, field: u64, value: Message) -> Self {
        self.bytes(field, value.0)
    }
}

/// How sets and outputs refer to their members.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// Bazel 7.1: a field for each kind.
    ByKind,
    /// Bazel 7.4 and later: packed, in one field.
    InOne,
}

struct Writer {
    layout: Layout,
    data: Message,
    next: u64,
}

impl Writer {
    fn new(layout: Layout) -> Self {
        let mut writer = Self {
            layout,
            data: Message::default(),
            next: 1,
        };
        writer.entry(2, 0, Message::default().bytes(1, "SHA-256"));
        writer
    }

    fn entry(&mut self, kind: u64, id: u64, payload: Message) {
        let mut entry = Message::default();
        if id != 0 {
            entry = entry.number(1, id);
        }
        let entry = entry.message(kind, payload);
        self.data.varint(entry.0.len() as u64);
        self.data.0.extend_from_slice(&entry.0);
    }

    fn add(&mut self, kind: u64, payload: Message) -> u64 {
        let id = self.next;
        self.next += 1;
        self.entry(kind, id, payload);
        id
    }

    fn file(&mut self, path: &str, content: &str) -> u64 {
        let digest = Message::default()
            .bytes(1, content)
            .number(2, content.len() as u64);
        let file = Message::default().bytes(1, path).message(2, digest);
        self.add(3, file)
    }

    fn tree(&mut self, path: &str, files: &[(&str, &str)]) -> u64 {
        let mut tree = Message::default().bytes(1, path);
        for (name, content) in files {
            let digest = Message::default()
                .bytes(1, content)
                .number(2, content.len() as u64);
            tree = tree.message(2, Message::default().bytes(1, name).message(2, digest));
        }
        self.add(4, tree)
    }

    fn set(&mut self, members: &[u64], sets: &[u64]) -> u64 {
        let mut set = Message::default();
        let packed = |ids: &[u64]| {
            let mut packed = Message::default();
            ids.iter().for_each(|id| packed.varint(*id));
            packed.0
        };
        set = match self.layout {
            Layout::ByKind => members.iter().fold(set, |set, id| set.number(1, *id)),
            Layout::InOne => set.bytes(5, packed(members)),
        };
        set = set.bytes(4, packed(sets));
        self.add(6, set)
    }

    fn spawn(&mut self, target: &str, inputs: u64, outputs: &[u64], environment: &[(&str, &str)]) {
        let mut spawn = Message::default()
            .bytes(1, "/bin/tool")
            .bytes(1, target)
            .number(4, inputs)
            .bytes(7, target)
            .bytes(8, "Tool");
        for (name, value) in environment {
            spawn = spawn.message(2, Message::default().bytes(1, name).bytes(2, value));
        }
        for output in outputs {
            let field = if self.layout == Layout::InOne { 5 } else { 1 };
            spawn = spawn.message(6, Message::default().number(field, *output));
        }
        self.entry(7, 0, spawn);
    }

    fn link(&mut self, target: &str, from: &str, to: &str) {
        let link = Message::default()
            .bytes(1, from)
            .bytes(2, to)
            .bytes(3, target)
            .bytes(4, "Symlink");
        self.entry(8, 0, link);
    }

    fn save(&self, path: &Path) {
        let data = zstd::stream::encode_all(&self.data.0[..], 1).unwrap();
        std::fs::write(path, data).unwrap();
    }
}

/// What two logs say of these paths.
fn of(logs: [&Writer; 2], paths: &[&str], lenience: &Lenience) -> Blame {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    logs[0].save(&first);
    logs[1].save(&second);
    let paths: Vec<_> = paths.iter().map(|p| p.to_string()).collect();
    blame(&first, &second, &paths, lenience).unwrap()
}

fn guilty(root: &Root) -> (&str, &str) {
    match root {
        Root::Action(action) => (&action.target, &action.outputs[0]),
        other => panic!("{other:?}"),
    }
}

/// Three actions in a row, of which the first makes `made`; and one at the side.
fn chain(layout: Layout, made: &str, side_first: bool) -> Writer {
    let mut log = Writer::new(layout);
    let source = log.file("src/x.c", "source");
    let sources = log.set(&[source], &[]);
    let side = |log: &mut Writer| {
        let other = log.file("bazel-out/cfg/bin/side", "side");
        log.spawn("//:side", sources, &[other], &[]);
    };
    if side_first {
        side(&mut log);
    }
    let a = log.file("bazel-out/cfg/bin/a", made);
    log.spawn("//:a", sources, &[a], &[]);
    if !side_first {
        side(&mut log);
    }
    // The input is two sets away.
    let inner = log.set(&[a], &[]);
    let outer = log.set(&[source], &[inner]);
    let b = log.file("bazel-out/cfg/bin/b", &format!("b of {made}"));
    log.spawn("//:b", outer, &[b], &[]);
    let last = log.set(&[b], &[sources]);
    let c = log.file("bazel-out/cfg/bin/c", &format!("c of {made}"));
    log.spawn("//:c", last, &[c], &[]);
    log
}

#[test]
fn the_first_action_of_a_row_is_named_in_both_layouts_and_any_order() {
    for layout in [Layout::ByKind, Layout::InOne] {
        let logs = [&chain(layout, "1", false), &chain(layout, "2", true)];
        let blame = of(
            logs,
            &["bazel-out/cfg/bin/c", "bazel-out/cfg/bin/a"],
            &Lenience::default(),
        );
        assert_eq!(blame.actions, 4);
        for roots in &blame.roots {
            assert_eq!(roots.len(), 1);
            assert_eq!(guilty(&roots[0]), ("//:a", "bazel-out/cfg/bin/a"));
        }
        assert_eq!(blame.unsteady, []);
        // Nobody asked for what it made: it is not forgotten.
        let blame = of(logs, &[], &Lenience::default());
        assert_eq!(blame.unsteady.len(), 1);
        assert_eq!(blame.unsteady[0].target, "//:a");
    }
}

#[test]
fn a_file_in_a_folder_and_a_link_lead_to_the_action() {
    let build = |content| {
        let mut log = Writer::new(Layout::InOne);
        let tree = log.tree("bazel-out/cfg/bin/tree", &[("x", "x"), ("y", content)]);
        log.spawn("//:tree", 0, &[tree], &[]);
        log.link(
            "//:link",
            "bazel-out/cfg/bin/tree",
            "bazel-out/cfg/bin/link",
        );
        log
    };
    let paths = ["bazel-out/cfg/bin/tree/y", "bazel-out/cfg/bin/link"];
    let blame = of([&build("1"), &build("2")], &paths, &Lenience::default());
    for roots in &blame.roots {
        assert_eq!(guilty(&roots[0]), ("//:tree", "bazel-out/cfg/bin/tree"));
    }
}

#[test]
fn an_environment_is_an_input_unless_it_was_varied_on_purpose() {
    let build = |zone, made| {
        let mut log = Writer::new(Layout::InOne);
        let out = log.file("bazel-out/cfg/bin/out", made);
        log.spawn("//:x", 0, &[out], &[("PATH", "/bin"), ("TZ", zone)]);
        log
    };
    let logs = [&build("UTC", "1"), &build("Pacific/Chatham", "2")];
    let paths = ["bazel-out/cfg/bin/out"];
    match &of(logs, &paths, &Lenience::default()).roots[0][..] {
        [Root::Command { differs, .. }] => {
            assert_eq!(
                differs[..],
                ["TZ is UTC, and Pacific/Chatham in the other build"]
            );
        }
        other => panic!("{other:?}"),
    }
    let lenience = Lenience {
        environment: vec!["TZ".to_owned()],
        ..Lenience::default()
    };
    let blame = of(logs, &paths, &lenience);
    assert_eq!(guilty(&blame.roots[0][0]).0, "//:x");
}

#[test]
fn what_no_process_made_is_named_by_where_it_comes_from() {
    for (path, origin) in [
        ("src/generated.h", Origin::Source),
        ("external/repo/config.h", Origin::Repository),
        ("bazel-out/volatile-status.txt", Origin::WorkspaceStatus),
        ("bazel-out/cfg/bin/x.params", Origin::Bazel),
    ] {
        let build = |content| {
            let mut log = Writer::new(Layout::InOne);
            let input = log.file(path, content);
            let set = log.set(&[input], &[]);
            let out = log.file("bazel-out/cfg/bin/out", content);
            log.spawn("//:x", set, &[out], &[]);
            log
        };
        let blame = of(
            [&build("1"), &build("2")],
            &["bazel-out/cfg/bin/out"],
            &Lenience::default(),
        );
        let expected = Root::File {
            path: path.to_owned(),
            origin,
        };
        assert_eq!(blame.roots[0], [expected]);
    }
}

#[test]
fn an_input_that_only_one_build_has_is_named() {
    let build = |more: bool| {
        let mut log = Writer::new(Layout::InOne);
        let one = log.file("src/one", "1");
        let two = log.file("src/two", "2");
        let members = [one, two];
        let set = log.set(&members[..if more { 2 } else { 1 }], &[]);
        let out = log.file("bazel-out/cfg/bin/out", if more { "12" } else { "1" });
        log.spawn("//:x", set, &[out], &[]);
        log
    };
    let paths = ["bazel-out/cfg/bin/out"];
    match &of([&build(false), &build(true)], &paths, &Lenience::default()).roots[0][..] {
        [Root::Inputs { differs, .. }] => {
            assert_eq!(differs[..], ["only the second build gave it src/two"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn hostile_logs_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let read = |data: &[u8]| {
        std::fs::write(&path, data).unwrap();
        Log::read(&path, &Lenience::default()).unwrap_err().fault
    };
    let packed = |data: &[u8]| zstd::stream::encode_all(data, 1).unwrap();
    assert!(matches!(read(b"no zstd at all"), Fault::Read(_)));
    let whole = chain(Layout::InOne, "1", false).data.0;
    let cut = whole.len() - 3;
    assert!(matches!(read(&packed(&whole[..cut])), Fault::Truncated));
    // Wherever the stream is cut, also where an entry has just ended.
    let stream = packed(&whole);
    for cut in [0, 3, stream.len() / 2, stream.len() - 5, stream.len() - 1] {
        let fault = read(&stream[..cut]);
        assert!(matches!(fault, Fault::Truncated), "{cut}: {fault:?}");
    }
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(&whole).unwrap();
    // All entries are there, and the frame has no end.
    encoder.flush().unwrap();
    assert!(matches!(read(encoder.get_ref()), Fault::Truncated));

    // Twelve megabytes of empty files.
    let mut stream = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..12 {
        stream.write_all(&[2, 0x1a, 0].repeat(350_000)).unwrap();
    }
    assert!(matches!(read(&stream.finish().unwrap()), Fault::Bomb));

    // A set of something that never came, and of itself.
    for id in [7, 1] {
        let mut log = Writer::new(Layout::InOne);
        log.set(&[id], &[]);
        assert!(matches!(read(&packed(&log.data.0)), Fault::Reference(_)));
    }
    // A spawn whose inputs are a file.
    let mut log = Writer::new(Layout::InOne);
    let file = log.file("x", "x");
    log.spawn("//:x", file, &[], &[]);
    assert!(matches!(read(&packed(&log.data.0)), Fault::Reference(_)));
}

/// A generator of numbers with a fixed seed (xorshift64*), so that what fails once fails always.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// Bytes are changed, removed, doubled and moved; what comes of it is a report or an error.
#[test]
fn no_log_makes_it_panic_or_hang() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["first", "second"].map(|name| folder.path().join(name));
    let output = ["bazel-out/cfg/bin/c".to_owned()];
    let mut dice = Dice(0x5eed);
    let (mut read, mut refused) = (0, 0);
    for round in 0..1500 {
        let layout = [Layout::InOne, Layout::ByKind][round % 2];
        for (path, content) in paths.iter().zip(["1", "2"]) {
            let mut data = chain(layout, content, round % 3 == 0).data.0;
            for _ in 0..dice.below(3) {
                let (at, to) = (dice.below(data.len()), dice.below(data.len()));
                match dice.below(8) {
                    0 => drop(data.remove(at)),
                    1 => data.insert(to, data[at]),
                    2 => data[at] = dice.below(256) as u8,
                    3..=5 => data[at] ^= 1 << dice.below(8),
                    _ => data.swap(at, to),
                }
            }
            let mut stream = zstd::stream::encode_all(&data[..], 1).unwrap();
            if dice.below(16) == 0 {
                let at = dice.below(stream.len());
                stream[at] ^= 1 << dice.below(8);
            }
            std::fs::write(path, stream).unwrap();
        }
        match blame(&paths[0], &paths[1], &output, &Lenience::default()) {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
    }
    // Neither does it refuse everything, nor does it read everything.
    assert!(
        read > 300 && refused > 300,
        "{read} read, {refused} refused"
    );
}

/// Sets that contain each other twice have 2^60 paths through them, and 61 members.
#[test]
fn shared_sets_are_walked_once() {
    let build = |content| {
        let mut log = Writer::new(Layout::InOne);
        let file = log.file("src/x", content);
        let mut set = log.set(&[file], &[]);
        for _ in 0..60 {
            set = log.set(&[], &[set, set]);
        }
        let out = log.file("bazel-out/cfg/bin/out", content);
        log.spawn("//:x", set, &[out], &[]);
        log
    };
    let paths = ["bazel-out/cfg/bin/out"];
    let blame = of([&build("1"), &build("2")], &paths, &Lenience::default());
    assert!(matches!(&blame.roots[0][..], [Root::File { .. }]));
}

/// `VERBATIM_LOG_ACTIONS=300000 cargo test --release -- --nocapture a_long_log` says what a long log takes.
#[test]
fn a_long_log_is_read_in_a_bounded_memory() {
    let actions: u64 = std::env::var("VERBATIM_LOG_ACTIONS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(3000);
    let folder = tempfile::tempdir().unwrap();
    let mut logs = Vec::new();
    let mut size = 0;
    for (name, start) in [("first", "1"), ("second", "2")] {
        let path = folder.path().join(name);
        let mut stream =
            zstd::stream::Encoder::new(std::fs::File::create(&path).unwrap(), 1).unwrap();
        let mut log = Writer::new(Layout::InOne);
        let digest = |text: String| verbatim_digest::Digest::of(text.as_bytes()).hex();
        let mut made = log.file("bazel-out/cfg/bin/start", start);
        log.spawn("//:start", 0, &[made], &[]);
        for at in 0..actions {
            let source = log.file(
                &format!("some/package/of/a/large/repository/number_{at}/source.cc"),
                &digest(format!("{at}")),
            );
            let set = log.set(&[source, made], &[]);
            made = log.file(
                &format!("bazel-out/k8-fastbuild/bin/some/package/of/a/large/repository/number_{at}/object.o"),
                &digest(format!("{start} {at}")),
            );
            log.spawn(
                &format!(
                    "//some/package/of/a/large/repository/number_{at}:{}",
                    "option,".repeat(60)
                ),
                set,
                &[made],
                &[("PATH", "/usr/local/bin:/usr/bin:/bin")],
            );
            size += log.data.0.len();
            stream.write_all(&log.data.0).unwrap();
            log.data.0.clear();
        }
        stream.finish().unwrap();
        logs.push(path);
    }
    let packed = std::fs::metadata(&logs[0]).unwrap().len();
    let last = format!(
        "bazel-out/k8-fastbuild/bin/some/package/of/a/large/repository/number_{}/object.o",
        actions - 1
    );
    let began = std::time::Instant::now();
    let blame = blame(&logs[0], &logs[1], &[last], &Lenience::default()).unwrap();
    let took = began.elapsed();
    assert_eq!(guilty(&blame.roots[0][0]).0, "//:start");
    assert_eq!(blame.actions as u64, actions + 1);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    eprintln!(
        "two logs of {actions} actions, each {} MB, and {} MB before compression: {took:.1?}, peak {}",
        packed / 1_000_000,
        size / 2_000_000,
        peak.unwrap_or("unknown").trim()
    );
}
