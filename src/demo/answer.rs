//! Faults as JSON: `{ "error": …, "status": … }`, those of axum's extractors included.

use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, StatusCode, Uri, header};
use serde_json::json;

/// A request that was not served, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    error: String,
}

impl Problem {
    /// Any status, in words.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Problem { status, error: error.into() }
    }

    /// 400: the request makes no sense.
    pub fn bad(error: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, error)
    }

    /// 401: who asks is not known.
    pub fn unauthorized(error: impl Into<String>) -> Self {
        Problem::new(StatusCode::UNAUTHORIZED, error)
    }

    /// 404: there is no such thing.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Problem::new(StatusCode::NOT_FOUND, format!("there is no {what}"))
    }

    /// 409: not in this state.
    pub fn conflict(error: impl Into<String>) -> Self {
        Problem::new(StatusCode::CONFLICT, error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.error, "status": self.status.as_u16() }));
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Where no route leads.
pub async fn no_such_path(uri: Uri) -> Problem {
    Problem::not_found(format_args!("path {}", uri.path()))
}

/// A route, but not with this method.
pub async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let error = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, error)
}

/// An extractor of axum's, whose rejections become a [`Problem`].
pub struct Checked<E>(pub E);

impl<S, E> FromRequestParts<S> for Checked<E>
where
    S: Send + Sync,
    E: FromRequestParts<S>,
    Problem: From<E::Rejection>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Checked(E::from_request_parts(parts, state).await?))
    }
}

impl<S, E> FromRequest<S> for Checked<E>
where
    S: Send + Sync,
    E: FromRequest<S>,
    Problem: From<E::Rejection>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Ok(Checked(E::from_request(request, state).await?))
    }
}

macro_rules! problem_from {
    ($($rejection:ty),+) => {$(
        impl From<$rejection> for Problem {
            fn from(rejection: $rejection) -> Self {
                Problem::new(rejection.status(), rejection.body_text())
            }
        }
    )+};
}

problem_from!(FormRejection, JsonRejection, PathRejection, QueryRejection);
