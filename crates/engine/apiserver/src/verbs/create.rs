//! `create`

use http::Response;

use crate::body::Body;
use crate::decode;
use crate::resources::Target;
use crate::status::Failure;
use crate::write::{self, Door, Ownership};

pub(crate) async fn answer(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let options = target.call.write_options()?;
    let writing = target.writing(Door::Main, &options);
    let mut object = decode::value(target.call.content_type(), &target.call.body)?;
    decode::expect_kind(&mut object, &target.served, target.namespace)?;
    let repeated = decode::repeated(target.call, options.validation);
    let warnings = write::prune(&writing, &mut object, &repeated)?;
    let created = write::create(&writing, object, Ownership::Track).await;
    let created = created.map_err(|failure| write::of_body(&writing, failure))?;
    super::written(target, &created, &warnings)
}
