//! The calls about images.

use super::client::{PULL_LIMIT, USUAL_LIMIT, call};
use super::{Cri, CriError, v1};

impl Cri {
    /// The image of this name, if it is here.
    pub(crate) async fn image(&self, name: &str) -> Result<Option<v1::Image>, CriError> {
        let request = v1::ImageStatusRequest { image: Some(named(name)) };
        let mut images = self.images.clone();
        Ok(call("look for the image", USUAL_LIMIT, images.image_status(request)).await?.image)
    }

    /// All images that are here.
    pub(crate) async fn images(&self) -> Result<Vec<v1::Image>, CriError> {
        let mut images = self.images.clone();
        Ok(call("list images", USUAL_LIMIT, images.list_images(v1::ListImagesRequest {})).await?.images)
    }

    pub(crate) async fn pull_image(&self, name: &str, auth: Option<v1::AuthConfig>) -> Result<(), CriError> {
        let request = v1::PullImageRequest { image: Some(named(name)), auth, sandbox_config: None };
        let mut images = self.images.clone();
        call("pull the image", PULL_LIMIT, images.pull_image(request)).await.map(drop)
    }

    /// Removes the image under all its names; one that is gone already is removed.
    pub(crate) async fn remove_image(&self, id: &str) -> Result<(), CriError> {
        let request = v1::RemoveImageRequest { image: Some(named(id)) };
        let mut images = self.images.clone();
        call("remove the image", USUAL_LIMIT, images.remove_image(request)).await.map(drop)
    }
}

fn named(image: &str) -> v1::ImageSpec {
    v1::ImageSpec { image: image.to_owned() }
}
