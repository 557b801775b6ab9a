//! A form as a browser would send it: which of its controls count, with which values, where to.
//!
//! The rules are HTML's ("constructing the entry list"): disabled controls, unchecked boxes,
//! unselected options and buttons that were not pressed are left out; a select that allows one
//! choice always has one.

use std::collections::HashMap;

use scraper::ElementRef;
use url::Url;

use super::html::{Css, Page};

/// What submitting a form would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Absolute if the page's URL is known; without a fragment.
    pub action: String,
    /// Whether it is posted.
    pub method: Method,
    /// How a post's body is written.
    pub enctype: Enctype,
    /// Name and value of each control that counts, in the page's order.
    pub fields: Vec<(String, String)>,
}

/// Forms know two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The fields become the query.
    Get,
    /// They become the body.
    Post,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enctype {
    /// `application/x-www-form-urlencoded`
    UrlEncoded,
    /// `multipart/form-data`
    Multipart,
    /// `text/plain`
    Plain,
}

impl Method {
    /// As requests name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }

    fn read(text: &str) -> Method {
        if text.eq_ignore_ascii_case("post") { Method::Post } else { Method::Get }
    }
}

impl Enctype {
    /// As HTML names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Enctype::UrlEncoded => "application/x-www-form-urlencoded",
            Enctype::Multipart => "multipart/form-data",
            Enctype::Plain => "text/plain",
        }
    }

    /// What a text means; whatever is not known is `UrlEncoded`.
    pub fn read(text: &str) -> Enctype {
        let known = [Enctype::Multipart, Enctype::Plain].into_iter();
        let mut known = known.filter(|kind| kind.as_str().eq_ignore_ascii_case(text));
        known.next().unwrap_or(Enctype::UrlEncoded)
    }
}

impl Page {
    /// The first form that `css` matches, or in which its first match stands, with `button`
    /// pressed. `url` is the page's own. The error: the match is in no form, no such button.
    pub fn form(
        &self,
        css: &Css,
        button: Option<&Css>,
        url: Option<&Url>,
    ) -> Result<Option<Form>, String> {
        let Some(found) = self.find(css)? else { return Ok(None) };
        let form = around(found, "form").ok_or_else(|| {
            let (css, name) = (css.as_str(), found.value().name());
            format!("`{css}` matches a <{name}>, which is no form and in none")
        })?;
        let owner = Owner { form, id: form.attr("id").filter(|id| !id.is_empty()) };
        let controls: Vec<_> = self.elements().filter(|one| owner.owns(*one)).collect();
        let pressed = button.map(|css| pressed(css, &controls)).transpose()?;
        let said = |name: &str, of_button: &str| {
            let own = pressed.and_then(|button| button.attr(of_button));
            own.or_else(|| form.attr(name)).unwrap_or("").trim()
        };
        Ok(Some(Form {
            action: self.action(said("action", "formaction"), url),
            method: Method::read(said("method", "formmethod")),
            enctype: Enctype::read(said("enctype", "formenctype")),
            fields: fields(&controls, pressed),
        }))
    }

    /// Resolved against `<base>` and the page's URL; an empty one is the page's own.
    fn action(&self, written: &str, url: Option<&Url>) -> String {
        if written.is_empty() {
            let own = url.map(|url| without_fragment(url.clone()));
            return own.map(String::from).unwrap_or_default();
        }
        let mut bases = self.elements().filter(|one| one.value().name() == "base");
        let base = bases.find_map(|base| base.attr("href")).and_then(|base| match url {
            Some(url) => url.join(base).ok(),
            None => Url::parse(base).ok(),
        });
        let action = match base.as_ref().or(url) {
            Some(base) => base.join(written).ok(),
            None => Url::parse(written).ok(),
        };
        action.map_or_else(|| written.to_owned(), |action| without_fragment(action).into())
    }
}

fn without_fragment(mut url: Url) -> Url {
    url.set_fragment(None);
    url
}

/// A form, as the owner of its controls.
struct Owner<'p> {
    form: ElementRef<'p>,
    id: Option<&'p str>,
}

impl<'p> Owner<'p> {
    /// A control names its form, or stands in it.
    fn owns(&self, control: ElementRef<'p>) -> bool {
        if !matches!(control.value().name(), "input" | "select" | "textarea" | "button") {
            return false;
        }
        match control.attr("form") {
            Some(id) => self.id == Some(id),
            None => around(control, "form") == Some(self.form),
        }
    }
}

/// The element itself, or the innermost around it, of that name.
fn around<'p>(element: ElementRef<'p>, name: &str) -> Option<ElementRef<'p>> {
    let outer = element.ancestors().filter_map(ElementRef::wrap);
    std::iter::once(element).chain(outer).find(|one| one.value().name() == name)
}

fn pressed<'p>(css: &Css, controls: &[ElementRef<'p>]) -> Result<ElementRef<'p>, String> {
    let mut matching = controls.iter().copied().filter(|control| css.matches(*control));
    match matching.find(|control| is_submit(*control)) {
        Some(button) if is_disabled(button) => {
            Err(format!("the button `{}` is disabled", css.as_str()))
        }
        Some(button) => Ok(button),
        None => Err(format!("the form has no submit button `{}`", css.as_str())),
    }
}

fn kind(control: ElementRef<'_>) -> String {
    control.attr("type").unwrap_or("").to_ascii_lowercase()
}

fn is_submit(control: ElementRef<'_>) -> bool {
    match control.value().name() {
        "button" => !matches!(&*kind(control), "button" | "reset"),
        "input" => matches!(&*kind(control), "submit" | "image"),
        _ => false,
    }
}

/// Itself, or by a fieldset around it; a fieldset's first legend stays enabled.
fn is_disabled(control: ElementRef<'_>) -> bool {
    if control.attr("disabled").is_some() {
        return true;
    }
    let mut inner = control;
    for outer in control.ancestors().filter_map(ElementRef::wrap) {
        if outer.value().name() == "fieldset" && outer.attr("disabled").is_some() {
            let is_legend = |one: &ElementRef<'_>| one.value().name() == "legend";
            if !is_legend(&inner) || outer.child_elements().find(is_legend) != Some(inner) {
                return true;
            }
        }
        inner = outer;
    }
    false
}

fn fields(controls: &[ElementRef<'_>], pressed: Option<ElementRef<'_>>) -> Vec<(String, String)> {
    let chosen = chosen_radios(controls);
    let mut fields = Vec::new();
    for (place, &control) in controls.iter().enumerate() {
        let left_out = is_disabled(control)
            || around(control, "datalist").is_some()
            || is_submit(control) && pressed != Some(control)
            || is_radio(control) && chosen.get(name(control)) != Some(&place);
        if !left_out {
            add(control, &mut fields);
        }
    }
    fields
}

/// Of each group of radio buttons the last that is checked.
fn chosen_radios<'p>(controls: &[ElementRef<'p>]) -> HashMap<&'p str, usize> {
    let radios = controls.iter().enumerate().filter(|(_, control)| is_radio(**control));
    let checked = radios.filter(|(_, radio)| radio.attr("checked").is_some());
    checked.map(|(place, radio)| (name(*radio), place)).collect()
}

fn is_radio(control: ElementRef<'_>) -> bool {
    control.value().name() == "input" && kind(control) == "radio"
}

fn name<'p>(control: ElementRef<'p>) -> &'p str {
    control.attr("name").unwrap_or("")
}

/// What an enabled control gives that is no button, or the one that was pressed.
fn add(control: ElementRef<'_>, fields: &mut Vec<(String, String)>) {
    let (name, kind) = (name(control), kind(control));
    let input = control.value().name() == "input";
    if input && kind == "image" {
        let dot = if name.is_empty() { "" } else { "." };
        fields.extend(["x", "y"].map(|axis| (format!("{name}{dot}{axis}"), "0".to_owned())));
    }
    if name.is_empty() || input && kind == "image" {
        return;
    }
    let mut put = |value: &str| fields.push((name.to_owned(), value.to_owned()));
    let value = control.attr("value");
    match control.value().name() {
        "select" => selected(control).iter().for_each(|value| put(value)),
        "textarea" => put(&control.text().collect::<String>()),
        "button" if is_submit(control) => put(value.unwrap_or("")),
        "button" => {}
        _ => match &*kind {
            "button" | "reset" => {}
            "checkbox" if control.attr("checked").is_none() => {}
            "checkbox" | "radio" => put(value.unwrap_or("on")),
            "hidden" if name.eq_ignore_ascii_case("_charset_") => put("UTF-8"),
            "file" => put(""),
            "submit" => put(value.unwrap_or("Submit")),
            _ => put(value.unwrap_or("")),
        },
    }
}

/// The values of the options that are selected and may be.
fn selected(select: ElementRef<'_>) -> Vec<String> {
    let options = select.descendent_elements().filter(|one| one.value().name() == "option");
    let options: Vec<_> = options.collect();
    let mut chosen: Vec<_> =
        options.iter().copied().filter(|option| option.attr("selected").is_some()).collect();
    if select.attr("multiple").is_none() {
        let one_line = select.attr("size").and_then(|size| size.parse().ok()).unwrap_or(1) <= 1;
        let first = options.iter().copied().find(|option| !is_off(*option));
        chosen = chosen.pop().or(first.filter(|_| one_line)).into_iter().collect();
    }
    chosen.into_iter().filter(|option| !is_off(*option)).map(value_of).collect()
}

fn is_off(option: ElementRef<'_>) -> bool {
    let group = option.parent().and_then(ElementRef::wrap);
    let group = group.filter(|parent| parent.value().name() == "optgroup");
    [Some(option), group].into_iter().flatten().any(|one| one.attr("disabled").is_some())
}

fn value_of(option: ElementRef<'_>) -> String {
    option.attr("value").map_or_else(
        || option.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "),
        ToOwned::to_owned,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(html: &str, css: &str, button: Option<&str>) -> Result<Option<Form>, String> {
        let url = Url::parse("http://h/account/login?next=%2F#top").unwrap();
        let button = button.map(|css| Css::compile(css).unwrap());
        let page = Page::parse(html.as_bytes()).unwrap();
        page.form(&Css::compile(css).unwrap(), button.as_ref(), Some(&url))
    }

    fn first(html: &str) -> Form {
        form(html, "form", None).unwrap().unwrap()
    }

    /// `a=1 b=2`.
    fn told(form: &Form) -> String {
        let fields = form.fields.iter().map(|(name, value)| format!("{name}={value}"));
        fields.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn controls_that_count_are_those_a_browser_sends() {
        for (controls, want) in [
            (
                "<input name=a value=1><input name=b><input value=2><input name='' value=3>",
                "a=1 b=",
            ),
            ("<input type=hidden name=csrf value=x><input type=PASSWORD name=p>", "csrf=x p="),
            ("<input name=a value=1 disabled><input name=b value=2 readonly>", "b=2"),
            ("<input type=checkbox name=a><input type=checkbox name=b checked>", "b=on"),
            (
                "<input type=checkbox name=a value=1 checked><input type=checkbox name=a value=2 checked>",
                "a=1 a=2",
            ),
            ("<input type=radio name=r value=1><input type=radio name=r value=2 checked>", "r=2"),
            (
                "<input type=radio name=r value=1 checked><input type=radio name=r value=2 checked>",
                "r=2",
            ),
            ("<input type=radio name=r value=1>", ""),
            ("<select name=s><option>One  more<option value=2>Two</select>", "s=One more"),
            ("<select name=s><option disabled>1<option>2</select>", "s=2"),
            ("<select name=s><option>1<option selected>2<option selected>3</select>", "s=3"),
            ("<select name=s size=4><option>1</select>", ""),
            ("<select name=s><option>1<option selected disabled>2</select>", ""),
            (
                "<select name=s multiple><option selected>1<option>2<optgroup disabled><option selected>3</optgroup><option selected>4</select>",
                "s=1 s=4",
            ),
            ("<select name=s></select>", ""),
            ("<textarea name=t>\n a\nb </textarea>", "t= a\nb "),
            ("<button name=go value=1>Go</button><input type=submit name=s value=S>", ""),
            ("<input type=reset name=r value=1><button type=button name=b value=1></button>", ""),
            ("<input type=image name=i><input type=file name=f>", "f="),
            (
                "<fieldset disabled><legend><input name=l value=1></legend><input name=a></fieldset>",
                "l=1",
            ),
            (
                "<datalist><option value=1></datalist><input type=hidden name=_charset_>",
                "_charset_=UTF-8",
            ),
            ("<input name=é value='&amp;ü'>", "é=&ü"),
        ] {
            assert_eq!(told(&first(&format!("<form>{controls}</form>"))), want, "{controls}");
        }
    }

    #[test]
    fn a_button_that_is_pressed_counts_and_may_change_the_way() {
        let html = "<form action=/a method=post>
            <input name=x value=1><button name=save value=s>Save</button>
            <button name=del value=d formaction=/b formmethod=get formenctype=text/plain>Delete</button>
            <input type=image name=pic><button id=off disabled></button></form>";
        let pressed = |css| form(html, "form", Some(css));
        let save = pressed("[name=save]").unwrap().unwrap();
        assert_eq!((&*told(&save), &*save.action), ("x=1 save=s", "http://h/a"));
        let delete = pressed("[value=d]").unwrap().unwrap();
        assert_eq!((&*told(&delete), &*delete.action), ("x=1 del=d", "http://h/b"));
        assert_eq!((delete.method, delete.enctype), (Method::Get, Enctype::Plain));
        assert_eq!(told(&pressed("[type=image]").unwrap().unwrap()), "x=1 pic.x=0 pic.y=0");
        assert_eq!(pressed("#none").unwrap_err(), "the form has no submit button `#none`");
        assert_eq!(pressed("#off").unwrap_err(), "the button `#off` is disabled");
        assert!(pressed("[name=x]").is_err());
    }

    #[test]
    fn the_action_is_resolved_as_the_page_says() {
        for (html, want) in [
            ("<form>", "http://h/account/login?next=%2F"),
            ("<form action=''>", "http://h/account/login?next=%2F"),
            ("<form action='/x?a=1#f'>", "http://h/x?a=1"),
            ("<form action=do>", "http://h/account/do"),
            ("<form action='https://o.test/x'>", "https://o.test/x"),
            ("<base href='/v2/'><form action=do>", "http://h/v2/do"),
            ("<base target=x><base href='https://o.test/'><form action=do>", "https://o.test/do"),
            ("<form action=' ?q '>", "http://h/account/login?q"),
        ] {
            assert_eq!(first(html).action, want, "{html}");
        }
        let page = Page::parse(b"<form action='do?x'>").unwrap();
        let form = page.form(&Css::compile("form").unwrap(), None, None).unwrap().unwrap();
        assert_eq!(form.action, "do?x");
    }

    #[test]
    fn method_and_enctype_have_browsers_defaults() {
        let form = first("<form>");
        assert_eq!((form.method, form.enctype), (Method::Get, Enctype::UrlEncoded));
        let form = first("<form method=POST enctype='Multipart/Form-Data'>");
        assert_eq!((form.method, form.enctype), (Method::Post, Enctype::Multipart));
        let form = first("<form method=put enctype=x>");
        assert_eq!((form.method, form.enctype), (Method::Get, Enctype::UrlEncoded));
    }

    #[test]
    fn a_form_is_found_by_what_is_in_it_and_owns_what_names_it() {
        let html = "<form id=a><input name=x value=1><p class=in></form>
            <form id=b><input name=y value=2><input name=z form=a value=3></form>
            <input name=w form=b value=4><input name=lost><p class=out>";
        assert_eq!(told(&form(html, ".in", None).unwrap().unwrap()), "x=1 z=3");
        assert_eq!(told(&form(html, "#b", None).unwrap().unwrap()), "y=2 w=4");
        assert_eq!(form(html, "#c", None).unwrap(), None);
        assert_eq!(
            form(html, ".out", None).unwrap_err(),
            "`.out` matches a <p>, which is no form and in none"
        );
    }
}
