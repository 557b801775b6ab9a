//! The dashboard and the report as a browser shows them. What it showed is left as pictures in
//! `target/tmp/pictures`, to be looked at.

use crate::common::browser::{Browser, Fault, Scheme};
use crate::common::proxy::Proxy;
use crate::common::server::{answer, answering};
use crate::common::{Folder, Running};

/// Two scenarios with calls, errors, checks and a metric; `<b>` must stay text wherever it is.
const SCRIPT: &str = r#"
local lt = require "loadtool"
local orders = lt.metrics.counter "orders"
local function look()
  lt.step("look <b>", function()
    lt.http.get "/often"
    lt.http.get "/often"
    lt.check(lt.http.get "/<b>rare", { status = 200, ["never <b>"] = false })
    lt.http.get "/missing"
  end)
  orders:add(2)
  lt.sleep(0.05)
end
return {
  scenarios = {
    buyers = { run = look, load = { vus = 3, duration = "60s" } },
    visitors = { run = look, load = { rate = 5, duration = "60s", vus = 2 } },
  },
  thresholds = { http_call_duration = "p95 < 60s", checks = "rate > 99%" },
}
"#;

fn target() -> String {
    answering(|request| {
        let is_missing = request.starts_with("GET /missing");
        answer(if is_missing { "404 Not Found" } else { "200 OK" }, "<script>owned()</script>")
    })
}

/// A run with a dashboard: its host, and its token.
fn start(folder: &Folder) -> (Running, String, String) {
    let target = target();
    let flags = ["--dashboard=127.0.0.1:0", "--base-url", &target, "--threads", "1"];
    let running = folder.start(&flags);
    running.wait_for_stderr("dashboard: http://");
    running.wait_for_stderr("\n");
    let told = running.stderr();
    let address = told.split_once("dashboard: http://").expect("it was told").1;
    let (host, token) = address.lines().next().and_then(|line| line.split_once("/#")).expect("so");
    (running, host.to_owned(), token.to_owned())
}

/// Every second from the first on is there.
const WHOLE: &str = "points.length > 1 && points.every((point, place) => point.s === place)";
const LOST: &str = "$('state').textContent === 'connection lost'";

#[test]
fn a_page_shows_the_run_from_its_beginning_whenever_it_is_opened_and_however_it_was_cut_off() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = Folder::new(SCRIPT);
    let (running, host, _) = start(&folder);
    let proxy = Proxy::to(&host);
    let url = format!("http://{}/", proxy.address);
    browser.open(&url);
    browser.wait_for("points.length >= 3");
    browser.open(&format!("{url}?again"));
    browser.wait_for("points.length >= 3");
    assert_eq!(browser.value(WHOLE), true, "opened in the middle");
    assert_eq!(browser.value("$('controls').hidden"), true, "nobody steers without the token");
    assert_eq!(browser.faults(), []);

    for lose in [Proxy::cut, Proxy::mute] {
        lose(&proxy);
        browser.wait_for(LOST);
        let seen = browser.value("points.length");
        assert_eq!(browser.value(WHOLE), true, "what was there is still shown");
        proxy.restore();
        browser.wait_for(&format!(
            "$('state').textContent === 'running' && points.length > {seen} + 1 && {WHOLE}"
        ));
    }
    let faults = browser.faults();
    assert!(faults.iter().all(|one| matches!(one, Fault::Network(_))), "{faults:?}");
    running.signal("INT");
    browser.wait_for("$('state').textContent === 'aborted'");
    running.end().exits(5);
}

#[test]
fn tables_sort_and_filter_and_a_keyboard_is_enough_to_steer_and_stop_the_run() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = Folder::new(SCRIPT);
    let (running, host, token) = start(&folder);
    browser.width(1200);
    browser.open(&format!("http://{host}/#{token}"));
    browser.wait_for("points.length >= 2 && $('calls').rows.length === 7");
    let names = "[...$('calls').rows].slice(1).map((row) => row.cells[3].textContent).join()";
    assert_eq!(browser.value("document.querySelector('main b, main script') === null"), true);
    assert_eq!(browser.value("$('own').rows[1].cells[0].textContent"), "orders");

    // A filter is typed, and Tab leads on to the heads of its table.
    browser.value("document.querySelector('[data-filter=calls]').focus()");
    for letter in ["r", "a", "r", "e"] {
        browser.press(letter);
    }
    assert_eq!(browser.text(names), "/<b>rare,/<b>rare");
    browser.value("document.querySelector('[data-filter=calls]').value = ''");
    browser.press("Tab");
    browser.wait_for("document.activeElement.dataset.sort === 'callsscenario'");
    (0..4).for_each(|_| browser.press("Tab"));
    browser.press("Enter");
    let order = "document.querySelector('#calls th[aria-sort]').ariaSort";
    assert_eq!(browser.text(order), "descending");
    assert!(browser.text(names).starts_with("/often"), "the most frequent first");
    let second = browser.value("points.length");
    browser.wait_for(&format!("points.length > {second} + 1"));
    browser.press("Enter"); // the head has kept the focus while the table was made anew
    assert_eq!(browser.text(order), "ascending");
    assert!(browser.text(names).ends_with("/often"));

    browser.value("document.querySelector('[aria-label=\"users of buyers\"]').focus()");
    browser.value("document.activeElement.value = 1");
    browser.press("Enter");
    browser.wait_for("tables.steered[0].users === 1");
    browser.value("document.querySelector('[data-act=stop]').focus()");
    browser.press("Enter");
    browser.wait_for("document.activeElement.textContent === 'Really stop'");
    browser.press("Enter");
    running.end().exits(5);
    browser.wait_for("$('word').textContent.startsWith('The run is over')");
    assert_eq!(browser.text("$('state').textContent"), "aborted");
    assert_eq!(browser.faults(), [], "not even when the server has gone");
}

#[test]
fn the_dashboard_is_readable_on_a_phone_and_in_the_dark() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = Folder::new(SCRIPT);
    let (running, host, token) = start(&folder);
    browser.open(&format!("http://{host}/#{token}"));
    let mut backgrounds = Vec::new();
    for (scheme, name) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
        browser.scheme(scheme);
        for width in [400, 1200] {
            browser.width(width);
            let seen = browser.value("points.length");
            browser.wait_for(&format!("points.length > {seen} + 1"));
            let wide = browser.value("document.documentElement.scrollWidth").as_u64();
            assert!(wide <= Some(width.into()), "{wide:?} is wider than {width}");
            let charts = browser.value("document.querySelectorAll('#charts canvas').length");
            assert_eq!(charts, 8, "{name} at {width}");
            // The legend tells the latest second, in colours of the scheme.
            browser.wait_for("/calls[:\\s]*[0-9]/.test($('charts').innerText)");
            browser.picture(&format!("dashboard-{name}-{width}.png"));
        }
        backgrounds.push(browser.text("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
    assert_eq!(browser.faults(), []);
    running.signal("INT");
    running.end().exits(5);
}

/// The report of a run whose target and script say what would do harm: the policy holds, no script
/// of theirs runs, ours does; and it can be read on a phone, in the dark and on paper.
#[test]
fn a_browser_shows_the_report_without_a_fault() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = Folder::of(
        "lt.check(1, { ['<script>document.title = \"owned\"</script><img src=x onerror=alert(1)>'] \
         = false }) lt.check(1, { fine = true }) lt.http.get '/missing?q=</title><b>' \
         lt.step('</script><style>*{display:none}</style>', function() lt.sleep(0.2) end)",
    );
    let load = ["--vus", "2", "--duration", "3s", "--base-url", &target()];
    folder.run(&[&load[..], &["--html", "page.html"]].concat()).exits(3);
    browser.width(400);
    browser.open(&format!("file://{}", folder.path("page.html").display()));
    assert_eq!(browser.text("document.title"), "FAIL script.lua");
    assert_eq!(browser.value("document.querySelector('main b:not(.key b), img') === null"), true);
    let mut backgrounds = Vec::new();
    for (scheme, name) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
        browser.scheme(scheme);
        for width in [400, 1100] {
            browser.width(width);
            let wide = browser.value("document.documentElement.scrollWidth").as_u64();
            assert!(wide <= Some(width.into()), "{wide:?} is wider than {width}");
            let observed = "document.querySelector('#thresholds td.bad').getBoundingClientRect()";
            let right = browser.value(&format!("{observed}.right")).as_f64();
            assert!(right <= Some(width.into()), "what was observed is in sight at {width}");
            browser.picture(&format!("report-{name}-{width}.png"));
        }
        backgrounds
            .push(browser.text("getComputedStyle(document.documentElement).backgroundColor"));
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
    // Our own script: tables sort, charts tell values, both by keyboard.
    browser.value("document.querySelector('#checks th button').focus()");
    browser.press("Enter");
    assert_eq!(browser.text("document.querySelector('#checks th').ariaSort"), "ascending");
    browser.value("document.querySelector('.charts').focus()");
    browser.press("ArrowRight");
    assert_eq!(browser.text("document.querySelector('.at').textContent"), "At 0:00");
    let pages = browser.print("report.pdf");
    assert!((2..=8).contains(&pages), "{pages} pages");
    assert_eq!(browser.faults(), []);
}

/// A comparison as a page, of a run against two targets and of two runs.
#[test]
fn a_browser_shows_a_comparison_without_a_fault() {
    let Some(mut browser) = Browser::start() else { return };
    let after = |ms| {
        answering(move |_| {
            std::thread::sleep(std::time::Duration::from_millis(ms));
            answer("200 OK", "done")
        })
    };
    let folder = Folder::of("lt.step('buy <b>', function() lt.http.get '/products' end)");
    let ab = format!("old={},new={}", after(5), after(40));
    let load = ["--rate", "60", "--duration", "10s", "--out", "json=run.json"];
    folder.run(&[&load[..], &["--ab", &ab, "--html", "run.html"]].concat());
    let flags = ["compare", "run.json", "run.json", "--html", "compared.html"];
    Running::start(folder.tool().args(flags)).end().exits(0);
    for page in ["run", "compared"] {
        browser.width(1100);
        browser.open(&format!("file://{}", folder.path(&format!("{page}.html")).display()));
        let head = browser.text("document.title");
        assert!(page == "run" || head == "SAME run.json against run.json", "{head}");
        assert_eq!(browser.value("document.querySelector('main b:not(.key b)') === null"), true);
        let drawn = browser.value("document.querySelectorAll('svg.span circle').length").as_u64();
        assert!(drawn >= Some(12), "{page}: {drawn:?} intervals of three series");
        browser.value("document.querySelectorAll('details').forEach((one) => one.open = true)");
        let mut backgrounds = Vec::new();
        for (scheme, name) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
            browser.scheme(scheme);
            for width in [400, 1100] {
                browser.width(width);
                let wide = browser.value("document.documentElement.scrollWidth").as_u64();
                assert!(wide <= Some(width.into()), "{page}: {wide:?} is wider than {width}");
                let verdict = "document.querySelector('.changes td:last-child')";
                let right = browser.value(&format!("{verdict}.getBoundingClientRect().right"));
                assert!(right.as_f64() <= Some(width.into()), "the verdict is in sight at {width}");
                browser.picture(&format!("{page}-{name}-{width}.png"));
            }
            backgrounds
                .push(browser.text("getComputedStyle(document.documentElement).backgroundColor"));
        }
        assert_ne!(backgrounds[0], backgrounds[1]);
    }
    assert_eq!(browser.faults(), []);
}
