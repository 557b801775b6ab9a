//! One call of a user, ready to be sent and recorded.

use std::rc::Rc;

use super::Host;
use super::observe::{Ids, Watch};
use super::user::User;
use crate::http::{Request, Response, call};
use crate::metrics::{NameId, Place};

/// A request, and where and as what its samples are recorded.
pub struct Call {
    pub host: Rc<Host>,
    pub ids: Rc<Ids>,
    pub place: Place,
    pub name: NameId,
    pub user: Rc<User>,
    pub request: Rc<Request>,
}

impl Call {
    /// Sends it now; if the future is dropped, the call was interrupted.
    pub async fn send(self) -> Response {
        let Call { host, ids, place, name, user, request } = self;
        let watch = Watch::begin(&host, &ids, &user, place, name, &request);
        let response = call(&user.session, request.clone(), &watch).await;
        watch.end(&response);
        response
    }
}
