"""Trainers that each lack one hook of the role `train`."""

from lading import Description, InspectRequest, TrainedModel, TrainRequest, hookimpl


class Blind:
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="trains, and cannot describe a finished model", api=1)

    @hookimpl
    def lading_train(self, request: TrainRequest) -> TrainedModel:
        return TrainedModel(file=request.folder / "model", framework="blind", framework_version="1")


class Handless:
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="describes a finished model, and cannot train", api=1)

    @hookimpl
    def lading_inspect(self, request: InspectRequest) -> TrainedModel:
        return TrainedModel(file=request.file, framework="handless", framework_version="1")


blind, handless = Blind(), Handless()
