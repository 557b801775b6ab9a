//! What of HTTP belongs to one user: connections and cookies.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::{Jar, Wire};

/// One user's connections and cookies; in cells, for all calls of the user share it.
pub struct Session {
    wire: RefCell<Rc<dyn Wire>>,
    /// The cookie jar, used on every hop.
    pub cookies: Jar,
}

impl Session {
    /// A session with an empty jar.
    pub fn new(wire: Rc<dyn Wire>) -> Self {
        Session { wire: RefCell::new(wire), cookies: Jar::default() }
    }

    /// The connections that calls go through.
    pub fn wire(&self) -> Rc<dyn Wire> {
        self.wire.borrow().clone()
    }

    /// New connections from now on (`connections = "fresh"`); calls under way keep theirs, the
    /// old ones close after them.
    pub fn reconnect(&self) {
        let fresh = self.wire().fresh();
        self.wire.replace(fresh);
    }

    /// Forgets the cookies (`session = "fresh"`).
    pub fn clear(&self) {
        self.cookies.clear();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("cookies", &self.cookies).finish_non_exhaustive()
    }
}
