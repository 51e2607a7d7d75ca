//! Two upgraded connections made one: what is said on one side is heard on the other.

use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt as _, WriteHalf};
use tokio_util::sync::CancellationToken;

/// How long a side may take to accept the last bytes that are meant for it.
const FAREWELL: Duration = Duration::from_secs(2);

/// One of the two did not become a stream of bytes.
#[derive(Debug, thiserror::Error)]
#[error("failed to upgrade the connection")]
pub struct CouplingError(#[source] hyper::Error);

/// Passes bytes both ways, a few KiB at a time, until either side ends or `ending` does; then both are closed.
///
/// The protocols that are spoken here mark the end of a stream within the connection, so that the end of one
/// direction is the end of all.
///
/// # Errors
/// One of the two connections was not upgraded.
pub async fn couple(near: OnUpgrade, far: OnUpgrade, ending: CancellationToken) -> Result<(), CouplingError> {
    let both = async { tokio::try_join!(near, far) };
    let Some(upgraded) = ending.run_until_cancelled(both).await else { return Ok(()) };
    let (near, far) = upgraded.map_err(CouplingError)?;
    let (mut near_reader, mut near_writer) = tokio::io::split(TokioIo::new(near));
    let (mut far_reader, mut far_writer) = tokio::io::split(TokioIo::new(far));
    // A side that breaks off has ended, in which way does not matter to the other one.
    tokio::select! {
        _ = tokio::io::copy(&mut near_reader, &mut far_writer) => {}
        _ = tokio::io::copy(&mut far_reader, &mut near_writer) => {}
        () = ending.cancelled() => {}
    }
    tokio::join!(close(near_writer), close(far_writer));
    Ok(())
}

async fn close(mut writer: WriteHalf<TokioIo<Upgraded>>) {
    // One that is gone, or does not listen, is closed all the same.
    drop(tokio::time::timeout(FAREWELL, writer.shutdown()).await);
}
