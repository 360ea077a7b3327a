"""What recognition made of a photograph, in the words of the engine: references to attachments, whole numbers."""

import hashlib

import numpy as np

from api.galleries import ShelvedGallery
from engine.domain.commands import PortionView
from engine.domain.events import ExemplarRef
from engine.domain.gallery import AlikeExemplar
from engine.domain.reading import Box, Candidate
from recognition.frame import Frame
from recognition.gallery import encode_vectors, likeness_to
from recognition.tray import EnrolledPhoto, TrayReader


def attach(attachments: dict[str, bytes], content: bytes) -> str:
    """Put content among attachments; return its sha256 (hex)."""
    sha256 = hashlib.sha256(content).hexdigest()
    attachments[sha256] = content
    return sha256


def exemplar_ref(seen: EnrolledPhoto, attachments: dict[str, bytes]) -> ExemplarRef:
    """Return the reference of a photograph made ready; its vectors and crop are put among the attachments."""
    return ExemplarRef(
        exemplar_id=seen.exemplar_id,
        photo_sha256=seen.photo_sha256,
        vectors_sha256=attach(attachments, encode_vectors(seen.vectors)),
        crop_sha256=attach(attachments, seen.crop_jpeg),
    )


def portion_view(reader: TrayReader, frame: Frame, box: Box, shelved: ShelvedGallery) -> PortionView:
    """Measure one portion of a frame against a canteen's gallery and against what waits to be learnt."""
    seen = reader.enrol_portion(frame, box)
    portion = (seen.vectors[:1] / np.linalg.norm(seen.vectors[0])).astype(np.float32)
    attachments: dict[str, bytes] = {}
    return PortionView(
        exemplar=exemplar_ref(seen, attachments),
        embedder_sha256=reader.embedder_sha256,
        likenesses=tuple(
            Candidate(dish_id=dish_id, similarity_bps=round(float(likeness[0]) * 10_000))
            for dish_id, likeness in sorted(shelved.gallery.likenesses(portion).items())
        ),
        proposals=tuple(
            AlikeExemplar(
                dish_id=proposal.dish_id,
                exemplar_id=proposal.exemplar_id,
                similarity_bps=round(float(likeness_to([proposal], portion)[0]) * 10_000),
            )
            for proposal in shelved.proposals
        ),
        attachments=attachments,
    )
