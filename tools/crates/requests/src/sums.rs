//! What a request becomes in the sums of a release.

use std::path::Path;

use verbatim_digest::Digest;
use verbatim_oci::layout::{Kind, Layout};
use verbatim_oci::{
    describe_index, json, Descriptor, Error, ErrorKind, ImageMetadata, Index, Named, Reference,
    Result,
};
use verbatim_sums::collect::{
    by_name, of_descriptor, of_image, of_index, of_layout, of_path, platform_image,
};
use verbatim_sums::record::{Image, PlatformImage};

use crate::files::name;
use crate::reference::MAX_PART;
use crate::{Documents, ImageRequest, Source, Values};

impl ImageRequest {
    /// The entry for the sums. Only small documents are read.
    pub fn sums_entry(&self, values: &Values) -> Result<Image> {
        let reference = self.reference(values)?;
        match &self.source {
            Source::Image(documents) => Ok(of_image(reference, described(documents)?.1)),
            Source::Index { index, images } => index_entry(reference, index, images),
            Source::Layout { layout, kind } => of_layout(reference, &Layout::open(layout)?, *kind),
            Source::OutputGroups {
                digest,
                descriptor: path,
                layout,
            } => {
                let descriptor = self.agreed(digest, path)?;
                let Some(layout) = layout else {
                    return Ok(of_descriptor(reference, &descriptor));
                };
                let opened = Layout::open(layout)?;
                let image = of_layout(reference, &opened, published_as(&descriptor))?;
                self.same(&image.digest, layout, &descriptor.digest, path)?;
                Ok(image)
            }
            Source::File { file, kind } => of_path(reference, file, *kind),
        }
    }

    /// Whether the bytes of a layout are what is said of them beside it.
    fn same(&self, made: &Digest, layout: &Path, said: &Digest, by: &Path) -> Result<()> {
        if made == said {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Mismatch,
            name(by),
            format!(
                "says {said}, and what {} holds is {made}; both come from {}",
                layout.display(),
                self.origin
            ),
        )
        .at("/digest"))
    }

    /// The descriptor, if the digest beside it is the same.
    pub(crate) fn agreed(&self, digest_path: &Path, path: &Path) -> Result<Descriptor> {
        let file = name(path);
        let descriptor: Descriptor =
            json::parse(&json::read_file(path, json::MAX_DOCUMENT)?, &file)?;
        let text = json::read_file(digest_path, MAX_PART)?;
        let digest: Digest = String::from_utf8_lossy(&text)
            .trim()
            .parse()
            .map_err(|e| Error::new(ErrorKind::Malformed, digest_path.display(), format!("{e}")))?;
        if digest != descriptor.digest {
            return Err(Error::new(
                ErrorKind::Mismatch,
                file,
                format!(
                    "says {}, and {} says {digest}; both come from {}",
                    descriptor.digest,
                    digest_path.display(),
                    self.origin
                ),
            )
            .at("/digest"));
        }
        Ok(descriptor)
    }
}

/// What a layout stands for, by the descriptor that comes with it: where `index.json` is the
/// index, that of a single image looks like a layout of the image.
pub(crate) fn published_as(descriptor: &Descriptor) -> Option<Kind> {
    descriptor.media_type.is_index().then_some(Kind::Index)
}

fn index_entry(reference: Reference, path: &Path, images: &[Documents]) -> Result<Image> {
    let data = json::read_file(path, json::MAX_DOCUMENT)?;
    let (images, platforms): (Vec<_>, Vec<_>) = images
        .iter()
        .map(described)
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let known = describe_index(Named::new(&data, &name(path)), images)?;
    let named = Index::parse(&data, &name(path))?.manifests;
    let platforms = platforms
        .into_iter()
        .map(|image| (image.manifest.digest, image))
        .collect();
    Ok(of_index(
        reference,
        &known.index,
        by_name(&named, &platforms),
    ))
}

fn described(documents: &Documents) -> Result<(ImageMetadata, PlatformImage)> {
    let read = documents.read()?;
    let config = name(&documents.config);
    let platform = platform_image(&read.image, Named::new(&read.config, &config))?;
    Ok((read.image, platform))
}
