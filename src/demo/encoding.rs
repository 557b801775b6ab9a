//! `/encoding/{gzip|br|zstd|deflate|identity}`: the same JSON, compressed whatever was accepted.

use std::io::{self, Write};

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{StatusCode, header};
use serde_json::json;

use super::answer::Problem;

/// The routes of this file.
pub fn routes() -> Router {
    Router::new().route("/encoding/{name}", get(encoded))
}

async fn encoded(Path(name): Path<String>) -> Result<Response, Problem> {
    let text = json!({ "encoding": name, "text": "the same words again and again ".repeat(32) });
    let body = compress(&name, text.to_string().as_bytes())
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?
        .ok_or_else(|| Problem::not_found(format_args!("encoding {name}")))?;
    let headers =
        [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_ENCODING, name)];
    Ok((headers, body).into_response())
}

/// `None` if the encoding has no such name.
fn compress(name: &str, plain: &[u8]) -> io::Result<Option<Vec<u8>>> {
    Ok(Some(match name {
        "identity" => plain.to_vec(),
        "gzip" => {
            let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
            writer.write_all(plain)?;
            writer.finish()?
        }
        "deflate" => {
            let mut writer = ZlibEncoder::new(Vec::new(), Compression::fast());
            writer.write_all(plain)?;
            writer.finish()?
        }
        "br" => {
            let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, 4, 16);
            writer.write_all(plain)?;
            writer.into_inner()
        }
        "zstd" => zstd::encode_all(plain, 1)?,
        _ => return Ok(None),
    }))
}
