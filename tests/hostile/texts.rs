//! Texts that a server wrote, shown on a terminal or put into a page.

use crate::common::Folder;
use crate::common::server::answering;

/// What a terminal would act upon, and what a page would.
const NASTY: &str =
    "\x1b[2J\x1b]0;owned\x07\x1b[31mred\u{9b}31m\u{202e}evil\r\x08<script>alert(1)</script>";

#[test]
fn escapes_of_a_server_never_reach_the_terminal() {
    let url = answering(|_| {
        let mut reply = b"HTTP/1.1 500 \x80\xff bad\r\nx-nasty: \xff\x80\xfe<b>\r\n".to_vec();
        reply.extend(format!("content-length: {}\r\n\r\n{NASTY}", NASTY.len()).bytes());
        reply
    });
    let folder = Folder::of(
        "local r = lt.http.get '/'
         lt.log.warn(r.body)
         print(r.body)
         lt.check(r, { [r.body] = true })
         lt.step(r.body, function() lt.http.get('/', { name = r.body, tags = { t = r.body } }) end)
         pcall(lt.expect, r, { body_contains = r.body .. '!', header = { ['x-nasty'] = r.body } })
         error(r.body)",
    );
    let (ran, summary) = folder.summary(&["--base-url", &url, "--iterations", "3"]);
    let ran = ran.exits(3);
    for text in [&ran.out, &ran.err] {
        let acts = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{9b}".contains(c);
        let bad: Vec<_> = text.lines().filter(|line| line.contains(acts)).collect();
        assert!(bad.is_empty(), "{bad:#?}");
        assert!(text.contains("\\x1b[31mred"), "it is shown, spelled: {text}");
    }
    assert!(summary["errors"].to_string().contains("owned"), "the summary has it as it was");
}
