//! XPath 1.0 over XML: the evaluator of `xpath-eval` on the trees of `roxmltree`.
//!
//! The evaluator cannot be told to stop: where its budget ends, a node unwinds the stack to
//! [`XPath::evaluate`]. Its `namespace` axis is empty here.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use roxmltree::Document;
use xpath_eval::{
    EvaluationContext, ExpandedName, Expr, FilterExpr, LocationPath, NodeKind, PathExpr,
    PrimaryExpr, Value, evaluate, parse,
};

use super::budget::{Budget, Exhausted, modest};
use super::xml;

/// A compiled expression.
#[derive(Debug)]
pub struct XPath {
    text: String,
    expr: Expr,
}

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The string values of nodes in the document's order.
    Nodes(Vec<String>),
    /// A number.
    Number(f64),
    /// A truth value.
    Boolean(bool),
    /// A string.
    Text(String),
}

/// Why an expression gives nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The document cannot be read, or is too much work.
    Document(String),
    /// The expression is wrong: an unknown function, a variable.
    Expression(String),
}

/// A prefix in expressions and the namespace it stands for.
pub type Prefix = (String, String);

impl XPath {
    /// Compiles an expression. The error names the place.
    pub fn compile(text: &str) -> Result<XPath, String> {
        modest("the XPath", text)?;
        let expr = parse(text).map_err(|error| {
            let before = text.get(..error.position).unwrap_or(text);
            let column = before.chars().count() + 1;
            format!("`{text}` is not an XPath: {} at column {column}", error.message)
        })?;
        if depth(&expr) > MAX_LEVELS {
            return Err(format!("`{text}` has over {MAX_LEVELS} operators in each other"));
        }
        Ok(XPath { text: text.to_owned(), expr })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Evaluates it at the root of `body`; at most `most` nodes are given. A prefix that is not
    /// among `prefixes` is the one that the document declares first.
    pub fn evaluate(
        &self,
        body: &[u8],
        prefixes: &[Prefix],
        most: usize,
    ) -> Result<Answer, Refusal> {
        let document = xml::parse(body).map_err(Refusal::Document)?;
        let budget = Budget::new();
        // Nothing outlives the evaluation that an unwinding could leave half done.
        let evaluation = AssertUnwindSafe(|| self.answer(&document, &budget, prefixes, most));
        match catch_unwind(evaluation) {
            Ok(answer) => answer,
            Err(reason) if reason.is::<Exhausted>() => {
                let what = format!("`{}` in this document", self.text);
                Err(Refusal::Document(Exhausted::why(&what)))
            }
            Err(bug) => resume_unwind(bug),
        }
    }

    fn answer(
        &self,
        document: &Document<'_>,
        budget: &Budget,
        prefixes: &[Prefix],
        most: usize,
    ) -> Result<Answer, Refusal> {
        let lookup = |prefix: &str| namespace(document, prefixes, prefix);
        let root = Node { node: document.root(), attribute: None, budget };
        let mut context = EvaluationContext::new(root);
        context.namespaces = Some(&lookup);
        let value = evaluate(&self.expr, &context)
            .map_err(|error| Refusal::Expression(format!("`{}`: {error}", self.text)))?;
        Ok(match value {
            Value::Number(number) => Answer::Number(number),
            Value::Boolean(flag) => Answer::Boolean(flag),
            Value::String(text) => Answer::Text(text),
            Value::NodeSet(mut nodes) => {
                nodes.sort_by_key(|node| node.place());
                let texts = nodes.into_iter().take(most).map(xpath_eval::Node::string_value);
                Answer::Nodes(texts.map(|text| allowed(budget.give(text))).collect())
            }
        })
    }
}

/// Operators are evaluated recursively, `a | b | c` two levels deep.
const MAX_LEVELS: usize = 100;

fn depth(expr: &Expr) -> usize {
    let (mut deepest, mut open) = (0, vec![(expr, 1)]);
    while let Some((expr, level)) = open.pop() {
        deepest = deepest.max(level);
        open.extend(operands(expr).into_iter().map(|operand| (operand, level + 1)));
    }
    deepest
}

fn operands(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Or(a, b) | Expr::And(a, b) | Expr::Union(a, b) => vec![a, b],
        Expr::Equality(a, _, b) => vec![a, b],
        Expr::Relational(a, _, b) => vec![a, b],
        Expr::Additive(a, _, b) => vec![a, b],
        Expr::Multiplicative(a, _, b) => vec![a, b],
        Expr::Negate(a) => vec![a],
        Expr::Path(PathExpr::Location(path)) => predicates(path).collect(),
        Expr::Path(PathExpr::Filter(filter)) => filtered(filter).collect(),
        Expr::Path(PathExpr::FilterLocation(filter, path)) => {
            filtered(filter).chain(predicates(path)).collect()
        }
    }
}

fn predicates(path: &LocationPath) -> impl Iterator<Item = &Expr> {
    path.steps.iter().flat_map(|step| &step.predicates)
}

fn filtered(filter: &FilterExpr) -> impl Iterator<Item = &Expr> {
    let inner: &[Expr] = match &filter.primary {
        PrimaryExpr::Parenthesized(inner) => std::slice::from_ref(inner),
        PrimaryExpr::Function(call) => &call.args,
        _ => &[],
    };
    inner.iter().chain(&filter.predicates)
}

/// The namespace of a prefix: given, or as the document declares it first.
fn namespace(document: &Document<'_>, prefixes: &[Prefix], prefix: &str) -> Option<String> {
    let given = prefixes.iter().find(|(name, _)| name == prefix).map(|(_, uri)| uri.clone());
    given.or_else(|| {
        let elements = document.descendants().filter(roxmltree::Node::is_element);
        let mut declared = elements.flat_map(|element| element.namespaces());
        let found = declared.find(|namespace| namespace.name() == Some(prefix));
        found.map(|namespace| namespace.uri().to_owned())
    })
}

/// Unwinds to [`XPath::evaluate`] where the budget ends. No panic: no hook is called.
fn allowed<T>(allowance: Result<T, Exhausted>) -> T {
    allowance.unwrap_or_else(|exhausted| resume_unwind(Box::new(exhausted)))
}

/// A node of the tree, or an attribute of one.
#[derive(Clone, Copy)]
struct Node<'a> {
    node: roxmltree::Node<'a, 'a>,
    attribute: Option<usize>,
    budget: &'a Budget,
}

impl<'a> Node<'a> {
    fn of(self, node: roxmltree::Node<'a, 'a>) -> Node<'a> {
        Node { node, attribute: None, budget: self.budget }
    }

    /// Elements before their attributes, these before the children.
    fn place(self) -> (u32, Option<usize>) {
        (self.node.id().get(), self.attribute)
    }

    fn attribute(self) -> Option<roxmltree::Attribute<'a, 'a>> {
        self.node.attributes().nth(self.attribute?)
    }

    fn spend(self) {
        allowed(self.budget.spend(1));
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Node<'_> {}

impl<'a> xpath_eval::Node<'a> for Node<'a> {
    fn kind(self) -> NodeKind {
        use roxmltree::NodeType;
        match self.node.node_type() {
            NodeType::Root => NodeKind::Root,
            NodeType::Element if self.attribute.is_some() => NodeKind::Attribute,
            NodeType::Element => NodeKind::Element,
            NodeType::PI => NodeKind::ProcessingInstruction,
            NodeType::Comment => NodeKind::Comment,
            NodeType::Text => NodeKind::Text,
        }
    }

    fn parent(self) -> Option<Self> {
        self.spend();
        match self.attribute {
            Some(_) => Some(self.of(self.node)),
            None => self.node.parent().map(|parent| self.of(parent)),
        }
    }

    fn children(self) -> impl Iterator<Item = Self> + 'a {
        let none = self.attribute.is_some();
        let children = self.node.children().take_while(move |_| !none);
        children.map(move |child| {
            self.spend();
            self.of(child)
        })
    }

    fn attributes(self) -> impl Iterator<Item = Self> + 'a {
        let all = if self.attribute.is_some() { 0 } else { self.node.attributes().len() };
        (0..all).map(move |place| {
            self.spend();
            Node { attribute: Some(place), ..self }
        })
    }

    fn namespaces(self) -> impl Iterator<Item = Self> + 'a {
        std::iter::empty()
    }

    fn expanded_name(self) -> Option<ExpandedName> {
        let name = |uri: Option<&str>, local: &str| ExpandedName {
            namespace_uri: uri.map(ToOwned::to_owned),
            local_name: local.to_owned(),
        };
        if let Some(attribute) = self.attribute() {
            return Some(name(attribute.namespace(), attribute.name()));
        }
        match self.node.pi() {
            Some(pi) => Some(name(None, pi.target)),
            None => {
                let tag = self.node.is_element().then(|| self.node.tag_name())?;
                Some(name(tag.namespace(), tag.name()))
            }
        }
    }

    fn string_value(self) -> String {
        self.spend();
        if let Some(attribute) = self.attribute() {
            return attribute.value().to_owned();
        }
        if let Some(pi) = self.node.pi() {
            return pi.value.unwrap_or("").to_owned();
        }
        if !self.node.is_element() && !self.node.is_root() {
            return self.node.text().unwrap_or("").to_owned();
        }
        let texts = self.node.descendants().filter(|node| {
            self.spend();
            node.is_text()
        });
        texts.filter_map(|node| node.text()).collect()
    }

    fn document_order(self, other: Self) -> Ordering {
        self.place().cmp(&other.place())
    }

    fn is_id_attribute(self) -> bool {
        self.attribute().is_some_and(|it| it.name() == "id")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = r#"<?xml version="1.0"?>
        <shop xmlns:s="urn:stock" id="top">
          <!--note--><item id="1" s:left="3"><name>Lamp</name><price>10.5</price></item>
          <item id="2"><name>Tent &amp; pegs</name><price>99</price></item>
          <s:open>yes</s:open>
        </shop>"#;

    fn answer(path: &str, body: &str) -> Result<Answer, Refusal> {
        XPath::compile(path).unwrap().evaluate(body.as_bytes(), &[], usize::MAX)
    }

    fn nodes(path: &str, body: &str) -> Vec<String> {
        match answer(path, body) {
            Ok(Answer::Nodes(nodes)) => nodes,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn nodes_are_given_in_the_documents_order() {
        for (path, want) in [
            ("/shop/item/name", vec!["Lamp", "Tent & pegs"]),
            ("//item[2]/name", vec!["Tent & pegs"]),
            ("//item[price > 50]/@id", vec!["2"]),
            ("//item[@id='1']/name/text()", vec!["Lamp"]),
            ("//item[last()]/preceding-sibling::item/name", vec!["Lamp"]),
            ("//price | //name", vec!["Lamp", "10.5", "Tent & pegs", "99"]),
            ("//@id", vec!["top", "1", "2"]),
            ("//@s:left", vec!["3"]),
            ("//s:open", vec!["yes"]),
            ("//open", vec![]),
            ("//*[local-name() = 'open']", vec!["yes"]),
            ("//comment()", vec!["note"]),
            ("id('2')/price", vec!["99"]),
            ("//name[contains(., '&')]/..//price", vec!["99"]),
            ("//item/@id/..//name", vec!["Lamp", "Tent & pegs"]),
            ("/none", vec![]),
        ] {
            assert_eq!(nodes(path, SHOP), want, "{path}");
        }
        assert!(nodes("/", SHOP)[0].contains("Tent & pegs"));
    }

    #[test]
    fn expressions_may_give_other_things_than_nodes() {
        for (path, want) in [
            ("count(//item)", Answer::Number(2.0)),
            ("sum(//price) div 2", Answer::Number(54.75)),
            ("boolean(//item[@id=3])", Answer::Boolean(false)),
            ("string(//name)", Answer::Text("Lamp".into())),
            ("normalize-space('  a  b ')", Answer::Text("a b".into())),
            ("namespace-uri(//s:open)", Answer::Text("urn:stock".into())),
        ] {
            assert_eq!(answer(path, SHOP), Ok(want), "{path}");
        }
    }

    #[test]
    fn prefixes_are_the_callers_or_the_documents() {
        let body =
            "<a xmlns='u:d'><b xmlns:p='u:1'><p:c/></b><b xmlns:p='u:2'><p:c>2</p:c></b></a>";
        let given = |path, prefixes: &[(&str, &str)]| {
            let own = |&(name, uri): &(&str, &str)| (name.to_owned(), uri.to_owned());
            let prefixes: Vec<Prefix> = prefixes.iter().map(own).collect();
            XPath::compile(path).unwrap().evaluate(body.as_bytes(), &prefixes, 9).unwrap()
        };
        assert_eq!(given("//p:c", &[]), Answer::Nodes(vec![String::new()]));
        assert_eq!(given("//p:c", &[("p", "u:2")]), Answer::Nodes(vec!["2".into()]));
        assert_eq!(given("count(//x:b)", &[("x", "u:d")]), Answer::Number(2.0));
        assert_eq!(given("count(//b)", &[]), Answer::Number(0.0));
        assert_eq!(given("//q:b", &[]), Answer::Nodes(vec![]));
    }

    #[test]
    fn wrong_expressions_are_told() {
        let told = |path: &str| XPath::compile(path).unwrap_err();
        assert_eq!(
            told("//a["),
            "`//a[` is not an XPath: unexpected end of input, expected an expression at column 5"
        );
        for path in ["", "//", "a b", "//a]", "foo(", "@", "'x", "a::b", "1 +"] {
            assert!(told(path).starts_with(&format!("`{path}` is not an XPath: ")), "{path}");
        }
        assert!(told(&"(".repeat(1_000)).contains("nests deeper than 32 levels"));
        assert!(told(&"-".repeat(100_000)).contains("longer than 2000 bytes"));
        for path in ["nope(1)", "$x", "count(1)", "count()", "//a[foo()]", "'a' | 'b'"] {
            match answer(path, "<r><a/></r>") {
                Err(Refusal::Expression(why)) => {
                    assert!(why.starts_with(&format!("`{path}`: ")), "{why}")
                }
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn expressions_beyond_the_stack_are_refused() {
        for path in [vec!["a"; 900].join("|"), vec!["1"; 900].join("-"), "-".repeat(1_000) + "1"] {
            assert!(
                XPath::compile(&path).unwrap_err().ends_with("over 100 operators in each other")
            );
        }
    }

    #[test]
    fn long_expressions_do_not_exhaust_the_stack() {
        for path in [
            vec!["a"; 100].join("|"),
            vec!["1"; 100].join("+"),
            vec!["a"; 100].join(" or "),
            vec!["a"; 900].join("/"),
            format!("{}1", "-".repeat(99)),
            format!("{}1{}", "(".repeat(32), ")".repeat(32)),
            format!("{}a{}", "a[".repeat(32), "]".repeat(32)),
            format!("a{}", "[1]".repeat(600)),
        ] {
            let small = std::thread::Builder::new().stack_size(2 << 20);
            let evaluated = small.spawn(move || answer(&path, "<a/>").is_ok()).unwrap().join();
            assert!(evaluated.unwrap());
        }
    }

    #[test]
    fn an_expression_that_is_too_much_work_is_given_up() {
        let body = format!("<r>{}</r>", "<a><b/></a>".repeat(100_000));
        for path in
            ["count(//a[count(following::b) = count(preceding::b)])", "//b[. = //a]/x[. != //a]"]
        {
            match answer(path, &body) {
                Err(Refusal::Document(why)) => assert!(why.contains("too much work"), "{why}"),
                other => panic!("{path}: {other:?}"),
            }
        }
    }
}
