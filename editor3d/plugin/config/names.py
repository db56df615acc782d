"""The list of names that a run's config.yml may use: nothing else in it is imported, built or called."""

from __future__ import annotations

CONFIG_CLASSES: dict[str, tuple[str, ...]] = {
    "editor3d.datasets.dataparser": ("PosedImagesDataParserConfig",),
    "editor3d.options": ("MethodOptions",),
    "editor3d.plan": ("EditPlan", "KeyPlan", "Plan"),
    "editor3d.update.schedule": ("Schedule",),
    "editor3d.plugin.train.datamanager": ("EditDataManagerConfig",),
    "editor3d.plugin.edit.settings": ("EditPipelineConfig",),
    "editor3d.plugin.edit.trainer": ("EditTrainerConfig",),
    "editor3d.plugin.train.pipeline": ("PluginPipelineConfig",),
    "editor3d.plugin.train.config": ("PluginTrainerConfig",),
    "gaussian.fit.datamanager": ("SplatDataManagerConfig",),
    "gaussian.fit.densify": ("StrategyConfig",),
    "gaussian.fit.training": ("FusedAdamConfig",),
    "gaussian.methods.igs2gs": ("Igs2gsPipelineConfig",),
    "gaussian.methods.remove": ("RemovalPipelineConfig", "RemovalTrainerConfig"),
    "gaussian.model.model": ("SplatModelConfig",),
    "gaussian.methods.vton.method": ("VtonTrainerConfig",),
    "gaussian.methods.vton.pipeline": ("VtonPipelineConfig",),
    "nerf_methods.distillation.plan": ("DistillationPlan",),
    "nerf_methods.distillation.trainer": ("DistillationTrainerConfig",),
    "nerf_methods.instruct_3d_to_3d": ("InstructPipelineConfig",),
    "nerf_methods.nerf_insert.pipeline": ("InsertPipelineConfig",),
    "nerf_methods.nerfacto": ("EditNerfactoModelConfig",),
    "nerf_methods.vox_e.pipeline": ("VoxEPipelineConfig",),
    "nerf_methods.voxel.model": ("VoxelModelConfig",),
    "nerf_methods.voxel.optimizer": ("VoxelAdamConfig",),
    "nerfstudio.cameras.camera_optimizers": ("CameraOptimizerConfig",),
    "nerfstudio.configs.base_config": ("LocalWriterConfig", "LoggingConfig", "MachineConfig", "ViewerConfig"),
    "nerfstudio.data.datamanagers.base_datamanager": ("VanillaDataManagerConfig",),
    "nerfstudio.data.datamanagers.full_images_datamanager": ("FullImageDatamanagerConfig",),
    "nerfstudio.data.datamanagers.parallel_datamanager": ("ParallelDataManagerConfig",),
    "nerfstudio.data.datamanagers.random_cameras_datamanager": ("RandomCamerasDataManagerConfig",),
    "nerfstudio.data.dataparsers.arkitscenes_dataparser": ("ARKitScenesDataParserConfig",),
    "nerfstudio.data.dataparsers.blender_dataparser": ("BlenderDataParserConfig",),
    "nerfstudio.data.dataparsers.colmap_dataparser": ("ColmapDataParserConfig",),
    "nerfstudio.data.dataparsers.dnerf_dataparser": ("DNeRFDataParserConfig",),
    "nerfstudio.data.dataparsers.dycheck_dataparser": ("DycheckDataParserConfig",),
    "nerfstudio.data.dataparsers.instant_ngp_dataparser": ("InstantNGPDataParserConfig",),
    # not minimal_dataparser's: it unpickles what lies in the capture
    "nerfstudio.data.dataparsers.nerfosr_dataparser": ("NeRFOSRDataParserConfig",),
    "nerfstudio.data.dataparsers.nerfstudio_dataparser": ("NerfstudioDataParserConfig",),
    "nerfstudio.data.dataparsers.nuscenes_dataparser": ("NuScenesDataParserConfig",),
    "nerfstudio.data.dataparsers.phototourism_dataparser": ("PhototourismDataParserConfig",),
    "nerfstudio.data.dataparsers.scannet_dataparser": ("ScanNetDataParserConfig",),
    "nerfstudio.data.dataparsers.scannetpp_dataparser": ("ScanNetppDataParserConfig",),
    "nerfstudio.data.dataparsers.sdfstudio_dataparser": ("SDFStudioDataParserConfig",),
    "nerfstudio.data.dataparsers.sitcoms3d_dataparser": ("Sitcoms3DDataParserConfig",),
    "nerfstudio.data.pixel_samplers": ("PixelSamplerConfig",),
    "nerfstudio.engine.optimizers": ("AdamOptimizerConfig", "OptimizerConfig", "RAdamOptimizerConfig"),
    "nerfstudio.engine.schedulers": (
        "CosineDecaySchedulerConfig",
        "ExponentialDecaySchedulerConfig",
        "MultiStepSchedulerConfig",
        "SchedulerConfig",
    ),
    "nerfstudio.engine.trainer": ("TrainerConfig",),
    "nerfstudio.fields.sdf_field": ("SDFFieldConfig",),
    "nerfstudio.models.depth_nerfacto": ("DepthNerfactoModelConfig",),
    "nerfstudio.models.generfacto": ("GenerfactoModelConfig",),
    "nerfstudio.models.instant_ngp": ("InstantNGPModelConfig",),
    "nerfstudio.models.nerfacto": ("NerfactoModelConfig",),
    "nerfstudio.models.neus": ("NeuSModelConfig",),
    "nerfstudio.models.neus_facto": ("NeuSFactoModelConfig",),
    "nerfstudio.models.semantic_nerfw": ("SemanticNerfWModelConfig",),
    "nerfstudio.models.splatfacto": ("SplatfactoModelConfig",),
    "nerfstudio.models.tensorf": ("TensoRFModelConfig",),
    "nerfstudio.models.vanilla_nerf": ("VanillaModelConfig",),
    "nerfstudio.pipelines.base_pipeline": ("VanillaPipelineConfig",),
    "nerfstudio.pipelines.dynamic_batch": ("DynamicBatchPipelineConfig",),
}
"""The dataclasses of which a configuration is made, by module: those of this project's and of nerfstudio's methods."""

ENUMS: dict[str, tuple[str, ...]] = {
    "nerfstudio.field_components.temporal_distortions": ("TemporalDistortionKind",),
    "nerfstudio.model_components.losses": ("DepthLossType",),
    "nerfstudio.utils.writer": ("EventName",),
}
"""Enumerations whose members are values in it, by module."""

_DATASETS = "nerfstudio.data.datasets"
_MANAGERS = "nerfstudio.data.datamanagers.base_datamanager"
OTHER_TARGETS: dict[str, tuple[str, ...]] = {
    f"{_MANAGERS}.VanillaDataManagerConfig": (
        f"{_MANAGERS}.VanillaDataManager[{_DATASETS}.depth_dataset.DepthDataset]",
        f"{_MANAGERS}.VanillaDataManager[{_DATASETS}.sdf_dataset.SDFDataset]",
        f"{_MANAGERS}.VanillaDataManager[{_DATASETS}.semantic_dataset.SemanticDataset]",
    ),
    "nerfstudio.models.vanilla_nerf.VanillaModelConfig": ("nerfstudio.models.mipnerf.MipNerfModel",),
}
"""What a dataclass builds by the choice of a method, where that is not what it builds by default: its `_target`."""

PATHS = tuple(
    f"{module}.{name}"
    for module in ("pathlib", "pathlib._local")  # the second as later Pythons write it
    for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path")
)
"""Kinds of paths; each is read as a path of this system."""
