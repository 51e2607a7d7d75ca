//! One request under way: who asks, for what, with which options.

use std::sync::Arc;

use bytes::Bytes;
use bythos_access::User;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::body::{Body, full};
use crate::negotiate::{self, Form, Shape};
use crate::registry::Served;
use crate::request::Query;
use crate::state::State;
use crate::status::Failure;
use crate::version::{looked_at, read, shown};
use crate::write::{FieldValidation, WriteOptions};

/// Who asks, and until when answers may go on.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) user: User,
    /// Ends when the door through which the request came is closing.
    pub(crate) ending: CancellationToken,
}

/// One request under way.
pub(crate) struct Call {
    pub(crate) state: Arc<State>,
    pub(crate) caller: Caller,
    pub(crate) method: http::Method,
    pub(crate) path: String,
    pub(crate) query: Query,
    /// The query as the client wrote it.
    pub(crate) raw_query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The connection itself, if the client wants to speak something else than HTTP on it.
    pub(crate) upgrade: Option<OnUpgrade>,
}

impl Call {
    pub(crate) fn user(&self) -> &User {
        &self.caller.user
    }

    /// The form in which the client wants objects.
    pub(crate) fn form(&self) -> Result<Form, Failure> {
        negotiate::form(&self.headers, &self.query)
    }

    /// The `Content-Type` of the body, without parameters; empty if it is not given.
    pub(crate) fn content_type(&self) -> &str {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim()
    }

    /// What the query says about a write.
    pub(crate) fn write_options(&self) -> Result<WriteOptions, Failure> {
        Ok(WriteOptions {
            manager: self.field_manager(),
            dry_run: self.dry_run()?,
            validation: FieldValidation::parse(self.query.get("fieldValidation"))?,
        })
    }

    fn dry_run(&self) -> Result<bool, Failure> {
        dry_run(self.query.all("dryRun").filter(|value| !value.is_empty()))
    }

    /// `fieldManager`, or what the `User-Agent` begins with.
    fn field_manager(&self) -> String {
        let agent = self.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let agent = agent.and_then(|agent| agent.split('/').next()).filter(|agent| !agent.is_empty());
        let manager = self.query.get("fieldManager").or(agent).unwrap_or("unknown");
        manager.chars().take(128).collect()
    }

    /// An answer that is one object, in the form that the client wants.
    pub(crate) fn answer_object(
        &self,
        served: &Served,
        code: StatusCode,
        object: &Bytes,
    ) -> Result<Response<Body>, Failure> {
        let form = self.form()?;
        let bytes = match form.shape {
            _ if form.is_stored() => shown(served, object),
            Shape::Object => form.write(&read(served, object)?)?,
            Shape::Metadata => {
                let object: Value = serde_json::from_slice(object)?;
                form.write(&crate::table::metadata_only(&object))?
            }
            Shape::Table(include) => {
                let object = looked_at(served, object)?;
                let mut table = crate::table::Table::new(served, include);
                table.add(&object);
                form.write(&table.finish(crate::object::meta(&object, "resourceVersion"), None))?
            }
        };
        Ok(answer(code, form.content_type(), full(bytes)))
    }

    /// An answer that is a value which is not stored.
    pub(crate) fn answer_value(&self, code: StatusCode, value: &Value) -> Result<Response<Body>, Failure> {
        let form = self.form()?;
        Ok(answer(code, form.content_type(), full(form.write(value)?)))
    }
}

/// Whether `dryRun` is asked for. `All` is the only value that there is.
pub(crate) fn dry_run<'a>(values: impl Iterator<Item = &'a str>) -> Result<bool, Failure> {
    let mut dry_run = false;
    for value in values {
        if value != "All" {
            return Err(Failure::BadRequest(format!(
                "dryRun: Unsupported value: {value:?}: supported values: \"All\""
            )));
        }
        dry_run = true;
    }
    Ok(dry_run)
}

/// An answer with a body of this type.
pub(crate) fn answer(code: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
