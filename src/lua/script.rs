//! What a script returned, as plain values: the definition that plan and command line judge.
//!
//! Functions stay in Lua and are only noted; which table entry is at fault, and where it stands
//! in the source, is found by path when there is something to tell.

use mlua::{Table, Value};

use super::value::plain;
use crate::plan::draft::Node;

/// Deepest definition that is read; what lies below is [`Node::Other`].
const MAX_DEPTH: usize = 32;

/// The value a script returned as a tree of plain values.
pub fn node(value: &Value) -> Node {
    read(value, 0)
}

fn read(value: &Value, depth: usize) -> Node {
    match value {
        Value::Boolean(flag) => Node::Bool(*flag),
        Value::Integer(integer) => Node::Int(*integer),
        Value::Number(number) => Node::Float(*number),
        Value::String(text) => Node::Text(text.to_string_lossy()),
        Value::Function(_) => Node::Function,
        Value::Table(_) if depth == MAX_DEPTH => Node::Other("table that contains itself"),
        Value::Table(table) => read_table(table, depth + 1),
        Value::Nil => Node::Other("nil"),
        Value::Thread(_) => Node::Other("coroutine"),
        _ => Node::Other("userdata"),
    }
}

fn read_table(table: &Table, depth: usize) -> Node {
    let (mut list, mut map) = (Vec::new(), Vec::new());
    for pair in plain(table).pairs::<Value, Value>() {
        match pair {
            Ok((Value::Integer(index), value)) => list.push((index, read(&value, depth))),
            Ok((Value::String(key), value)) => {
                map.push((key.to_string_lossy(), read(&value, depth)));
            }
            _ => return Node::Other("table with keys that are neither numbers nor strings"),
        }
    }
    map.sort_by(|(a, _), (b, _)| a.cmp(b));
    list.sort_by_key(|(index, _)| *index);
    if (1..).zip(&list).any(|(n, (index, _))| n != *index) {
        return Node::Other("list with holes");
    }
    let items = list.into_iter().map(|(_, item)| item).collect::<Vec<_>>();
    match (items.is_empty(), map.is_empty()) {
        (true, _) => Node::Map(map),
        (false, true) => Node::List(items),
        (false, false) => Node::Mixed(items, map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlua::Lua;

    fn read(source: &str) -> Node {
        node(&Lua::new().load(source).eval().unwrap())
    }

    #[test]
    fn a_definition_becomes_a_tree_sorted_by_key() {
        let text = |text: &str| Node::Text(text.into());
        assert_eq!(
            read("return { run = print, load = { vus = 2, duration = '1m' }, on = true, r = 0.5 }"),
            Node::Map(vec![
                (
                    "load".into(),
                    Node::Map(vec![("duration".into(), text("1m")), ("vus".into(), Node::Int(2))])
                ),
                ("on".into(), Node::Bool(true)),
                ("r".into(), Node::Float(0.5)),
                ("run".into(), Node::Function),
            ])
        );
    }

    #[test]
    fn an_empty_table_is_a_map_and_a_sequence_a_list() {
        assert_eq!(read("return {}"), Node::Map(vec![]));
        assert_eq!(
            read("return { { '30s', 100 } }"),
            Node::List(vec![Node::List(vec![Node::Text("30s".into()), Node::Int(100)])])
        );
    }

    #[test]
    fn a_table_with_both_keeps_both() {
        assert_eq!(
            read("return { 'p95 < 1s', optional = true, each = true }"),
            Node::Mixed(
                vec![Node::Text("p95 < 1s".into())],
                vec![("each".into(), Node::Bool(true)), ("optional".into(), Node::Bool(true))]
            )
        );
    }

    #[test]
    fn what_is_neither_list_nor_map_is_named() {
        for (source, kind) in [
            ("return { [1] = 1, [3] = 3 }", "list with holes"),
            ("return coroutine.create(print)", "coroutine"),
            ("return nil", "nil"),
        ] {
            assert_eq!(read(source), Node::Other(kind));
        }
        assert!(matches!(read("local t = {} t.t = t return t"), Node::Map(_)));
    }
}
