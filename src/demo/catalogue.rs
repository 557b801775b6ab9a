//! The shop's goods: 200 products, the same in every process.

use serde::Serialize;

const KINDS: [(&str, &str); 20] = [
    ("Kettle", "kitchen"),
    ("Teapot", "kitchen"),
    ("Skillet", "kitchen"),
    ("Grinder", "kitchen"),
    ("Lamp", "home"),
    ("Blanket", "home"),
    ("Cushion", "home"),
    ("Clock", "home"),
    ("Notebook", "desk"),
    ("Pencil", "desk"),
    ("Stapler", "desk"),
    ("Ruler", "desk"),
    ("Hammer", "tools"),
    ("Chisel", "tools"),
    ("Plane", "tools"),
    ("Vice", "tools"),
    ("Tent", "outdoor"),
    ("Compass", "outdoor"),
    ("Lantern", "outdoor"),
    ("Rucksack", "outdoor"),
];
const MAKES: [&str; 10] =
    ["Plain", "Small", "Large", "Oak", "Copper", "Blue", "Folding", "Heavy", "Quiet", "Travel"];

/// Something to buy. Stock never runs out: a load test should not depend on its own past.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Product {
    /// From 1.
    pub id: u32,
    /// Two words.
    pub name: String,
    /// What kind of thing it is.
    pub category: &'static str,
    /// In whole units of money, two decimals.
    pub price: f64,
    /// How many there are said to be.
    pub stock: u32,
    #[serde(skip)]
    pub(super) cents: u64,
    #[serde(skip)]
    lowercase: String,
}

/// All products, by id.
#[derive(Debug)]
pub struct Catalogue(Vec<Product>);

/// One page of a search.
#[derive(Debug, Serialize)]
pub struct Page<'a> {
    /// From 1.
    pub page: usize,
    /// Most items on a page.
    pub size: usize,
    /// Matches on all pages.
    pub total: usize,
    /// How many pages there are.
    pub pages: usize,
    /// Those of this page; empty beyond the last.
    pub items: Vec<&'a Product>,
}

impl Catalogue {
    /// Makes up the goods.
    pub fn new() -> Self {
        let names = MAKES.iter().flat_map(|make| KINDS.iter().map(move |kind| (make, kind)));
        Catalogue(
            (1..).zip(names).map(|(id, (make, kind))| Product::new(id, make, *kind)).collect(),
        )
    }

    /// The product with this id.
    pub fn get(&self, id: u32) -> Option<&Product> {
        self.0.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    /// Page `page` (from 1) of those whose name contains `q`, in any case; `size` above 0.
    pub fn search(&self, q: &str, page: usize, size: usize) -> Page<'_> {
        let q = q.to_lowercase();
        let found = || self.0.iter().filter(|product| product.lowercase.contains(&q));
        let total = found().count();
        let skipped = page.saturating_sub(1).saturating_mul(size);
        let items = found().skip(skipped).take(size).collect();
        Page { page, size, total, pages: total.div_ceil(size), items }
    }
}

impl Product {
    fn new(id: u32, make: &str, (kind, category): (&str, &'static str)) -> Self {
        let name = format!("{make} {kind}");
        let cents = 499 + u64::from(id) * 737 % 9_500;
        let lowercase = name.to_lowercase();
        Product {
            id,
            name,
            category,
            price: money(cents),
            stock: 1 + id * 7 % 50,
            cents,
            lowercase,
        }
    }
}

/// Cents as whole units with two decimals.
pub fn money(cents: u64) -> f64 {
    cents as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cut_the_catalogue_without_gap_or_overlap() {
        let catalogue = Catalogue::new();
        let ids: Vec<u32> = (1..=catalogue.search("", 1, 30).pages)
            .flat_map(|page| catalogue.search("", page, 30).items)
            .map(|product| product.id)
            .collect();
        assert_eq!(ids, (1..=200).collect::<Vec<_>>());
        assert!(catalogue.search("", 8, 30).items.is_empty());
        assert!(catalogue.search("", usize::MAX, usize::MAX).items.is_empty());
    }

    #[test]
    fn a_search_ignores_case_and_finds_parts_of_names() {
        let catalogue = Catalogue::new();
        let found = catalogue.search("KETT", 1, 100);
        assert_eq!(found.total, 10);
        assert!(found.items.iter().all(|product| product.name.ends_with("Kettle")));
    }

    #[test]
    fn an_id_leads_to_its_own_product_and_no_other() {
        let catalogue = Catalogue::new();
        assert_eq!(catalogue.get(17).map(|product| product.id), Some(17));
        assert_eq!(catalogue.get(0), None);
        assert_eq!(catalogue.get(201), None);
    }
}
