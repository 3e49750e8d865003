//! The page of `diff --html` in a real browser: what it shows, what its filter hides, and that nothing in it runs.

use std::path::Path;
use std::process::Command;

/// The page of two folders with an added file, a changed date and a name that is markup.
fn page(dir: &Path) -> String {
    for side in ["a", "b"] {
        std::fs::create_dir(dir.join(side)).unwrap();
    }
    std::fs::write(dir.join("a/date.txt"), "built 2024-01-02T03:04:05Z\n").unwrap();
    std::fs::write(dir.join("b/date.txt"), "built 2024-05-06T07:08:09Z\n").unwrap();
    let name = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'<";
    std::fs::write(dir.join("b").join(name), "y").unwrap();
    let output = Command::new(std::path::absolute(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .args(["diff", "a", "b", "--html", "page.html"])
        .current_dir(dir)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    std::fs::read_to_string(dir.join("page.html")).unwrap()
}

/// What the browser makes of a page, after its scripts ran.
fn dom(dir: &Path, page: &str) -> String {
    let file = dir.join("shown.html");
    std::fs::write(&file, page).unwrap();
    let output = Command::new("chromium-headless-shell")
        .args(["--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        dom.contains("</html>"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    dom
}

fn title(dom: &str) -> &str {
    let from = dom.find("<title>").unwrap() + "<title>".len();
    &dom[from..from + dom[from..].find("</title>").unwrap()]
}

#[test]
fn nothing_of_a_page_runs() {
    let dir = tempfile::tempdir().unwrap();
    let page = page(dir.path());
    let dom = dom(dir.path(), &page);
    assert_eq!(title(&dom), "a and b: different");
    assert!(dom.contains("&lt;img src=x onerror="));
    // And if a script came into it in spite of all, the page would forbid it.
    let with = page.replace(
        "</body>",
        "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\"></body>",
    );
    assert_ne!(with, page);
    assert_eq!(title(&self::dom(dir.path(), &with)), "a and b: different");
}

#[test]
fn the_filter_leaves_what_has_the_cause() {
    let dir = tempfile::tempdir().unwrap();
    let page = page(dir.path());
    // Counts what is shown; the policy would forbid this script, so it goes first.
    let counting = |page: &str| {
        let policy = page.find("<meta http-equiv=").unwrap();
        let end = policy + page[policy..].find('>').unwrap() + 1;
        let page = format!("{}{}", &page[..policy], &page[end..]);
        page.replace(
            "</body>",
            "<script>document.title = [...document.querySelectorAll('.cause')].filter(e => e.offsetParent).map(e => e.id).join()</script></body>",
        )
    };
    let all = counting(&page);
    assert_eq!(
        title(&dom(dir.path(), &all)),
        "cause-timestamp,cause-added-file"
    );
    let chosen = all
        .replace("id=\"only-all\" checked", "id=\"only-all\"")
        .replace("id=\"only-timestamp\"", "id=\"only-timestamp\" checked");
    assert_ne!(chosen, all);
    assert_eq!(title(&dom(dir.path(), &chosen)), "cause-timestamp");
}
