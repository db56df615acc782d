"""Names of the node wrangler's parts, for programs of procedural generation: what the gate knows of it without bpy.

`NODES` holds the names under which such programs ask for nodes, and Blender's own names of the kinds.
"""

from __future__ import annotations

_SHADER = """
    Attribute:Attribute Bump:Bump ColorRamp:ValToRGB MixRGB:MixRGB Mix:Mix RGBCurve:RGBCurve CombineHSV:CombineHSV
    SeparateHSV:SeparateHSV SeparateRGB:SeparateRGB SeparateColor:SeparateColor CombineRGB:CombineRGB
    CombineColor:CombineColor RGB:RGB Value:Value ObjectInfo_Shader:ObjectInfo TextureCoord:TexCoord
    AmbientOcclusion:AmbientOcclusion LightPath:LightPath MaterialOutput:OutputMaterial LightOutput:OutputLight
    WorldOutput:OutputWorld SeparateXYZ:SeparateXYZ CombineXYZ:CombineXYZ VectorCurve:VectorCurve
    VectorRotate:VectorRotate VectorMath:VectorMath Math:Math MapRange:MapRange Clamp:Clamp Invert:Invert
    NoiseTexture:TexNoise MusgraveTexture:TexMusgrave VoronoiTexture:TexVoronoi WaveTexture:TexWave
    WhiteNoiseTexture:TexWhiteNoise GradientTexture:TexGradient MagicTexture:TexMagic BrickTexture:TexBrick
    CheckerTexture:TexChecker MixShader:MixShader AddShader:AddShader DiffuseBSDF:BsdfDiffuse
    PrincipledBSDF:BsdfPrincipled TranslucentBSDF:BsdfTranslucent TransparentBSDF:BsdfTransparent
    PrincipledVolume:VolumePrincipled PrincipledHairBSDF:BsdfHairPrincipled Emission:Emission Fresnel:Fresnel
    NewGeometry:NewGeometry RefractionBSDF:BsdfRefraction GlassBSDF:BsdfGlass GlossyBSDF:BsdfAnisotropic
    LayerWeight:LayerWeight Mapping:Mapping FloatCurve:FloatCurve SkyTexture:TexSky Background:Background
    HueSaturationValue:HueSaturation BrightContrast:BrightContrast Gamma:Gamma CurvesInfo:HairInfo
    VectorDisplacement:VectorDisplacement Displacement:Displacement
"""
_GEOMETRY = """
    CaptureAttribute:CaptureAttribute AttributeStatistic:AttributeStatistic DomainSize:AttributeDomainSize
    StoreNamedAttribute:StoreNamedAttribute NamedAttribute:InputNamedAttribute SampleIndex:SampleIndex
    SampleNearest:SampleNearest SampleNearestSurface:SampleNearestSurface SeparateComponents:SeparateComponents
    SetID:SetID InterpolateCurves:InterpolateCurves SampleUVSurface:SampleUVSurface MeshIsland:InputMeshIsland
    CurveofPoint:CurveOfPoint Radius:InputRadius EvaluateonDomain:FieldOnDomain BlurAttribute:BlurAttribute
    EndpointSelection:CurveEndpointSelection PointsofCurve:PointsOfCurve SetSplineResolution:SetSplineResolution
    OffsetPointinCurve:OffsetPointInCurve SplineResolution:InputSplineResolution CurveToMesh:CurveToMesh
    CurveToPoints:CurveToPoints MeshToCurve:MeshToCurve SampleCurve:SampleCurve SetCurveRadius:SetCurveRadius
    SetCurveTilt:SetCurveTilt CurveLength:CurveLength CurveSplineType:CurveSplineType SplineType:CurveSplineType
    SetHandlePositions:SetCurveHandlePositions SetHandleType:CurveSetHandles CurveTangent:InputTangent
    SplineParameter:SplineParameter SubdivideCurve:SubdivideCurve ResampleCurve:ResampleCurve TrimCurve:TrimCurve
    ReverseCurve:ReverseCurve SplineLength:SplineLength FillCurve:FillCurve QuadraticBezier:CurveQuadraticBezier
    CurveCircle:CurvePrimitiveCircle CurveLine:CurvePrimitiveLine CurveBezierSegment:CurvePrimitiveBezierSegment
    BezierSegment:CurvePrimitiveBezierSegment SetPosition:SetPosition JoinGeometry:JoinGeometry
    MergeByDistance:MergeByDistance SeparateGeometry:SeparateGeometry BoundingBox:BoundBox Transform:Transform
    DeleteGeometry:DeleteGeometry DeleteGeom:DeleteGeometry Proximity:Proximity ConvexHull:ConvexHull Raycast:Raycast
    DuplicateElements:DuplicateElements CollectionInfo:CollectionInfo ObjectInfo:ObjectInfo InputID:InputID
    InputPosition:InputPosition InputNormal:InputNormal InputEdgeVertices:InputMeshEdgeVertices
    InputEdgeAngle:InputMeshEdgeAngle InputMeshFaceArea:InputMeshFaceArea Index:InputIndex
    ShortestEdgePath:InputShortestEdgePaths RealizeInstances:RealizeInstances InstanceOnPoints:InstanceOnPoints
    TranslateInstances:TranslateInstances RotateInstances:RotateInstances ScaleInstances:ScaleInstances
    SetMaterial:SetMaterial SetMaterialIndex:SetMaterialIndex MaterialIndex:InputMaterialIndex
    SubdivideMesh:SubdivideMesh SubdivisionSurface:SubdivisionSurface MeshToPoints:MeshToPoints MeshBoolean:MeshBoolean
    SetShadeSmooth:SetShadeSmooth DualMesh:DualMesh ScaleElements:ScaleElements ExtrudeMesh:ExtrudeMesh
    FlipFaces:FlipFaces FaceNeighbors:InputMeshFaceNeighbors EdgePathToCurve:EdgePathsToCurves SplitEdges:SplitEdges
    MeshCircle:MeshCircle MeshGrid:MeshGrid MeshLine:MeshLine MeshUVSphere:MeshUVSphere MeshIcoSphere:MeshIcoSphere
    IcoSphere:MeshIcoSphere MeshCube:MeshCube MeshCone:MeshCone MeshCylinder:MeshCylinder
    DistributePointsOnFaces:DistributePointsOnFaces PointsToVertices:PointsToVertices PointsToVolume:PointsToVolume
    SetPointRadius:SetPointRadius VolumeToMesh:VolumeToMesh Switch:Switch AccumulateField:AccumulateField
    ImageTexture:ImageTexture
"""
_FUNCTION = """
    Boolean:InputBool RandomValue:RandomValue Vector:InputVector InputColor:InputColor Integer:InputInt
    AlignEulerToVector:AlignEulerToVector BooleanMath:BooleanMath Compare:Compare FloatToInt:FloatToInt
    RotateEuler:RotateEuler
"""


def _table(start: str, text: str) -> dict[str, str]:
    return {alias: f"{start}{kind}" for alias, kind in (pair.split(":") for pair in text.split())}


NODES: dict[str, str] = {
    **_table("ShaderNode", _SHADER),
    **_table("GeometryNode", _GEOMETRY),
    **_table("FunctionNode", _FUNCTION),
    "GroupInput": "NodeGroupInput",
    "GroupOutput": "NodeGroupOutput",
    "Reroute": "NodeReroute",
}
_METHODS = """
    new_node new_value connect_input expose_input force_input_consistency node_group input_consistency_forced
    add add2 sub sub2 multiply multiply2 divide divide2 power scale dot math vector_math boolean_math compare
    scalar_add scalar_add2 scalar_sub scalar_sub2 scalar_multiply scalar_multiply2 scalar_divide scalar_divide2
    scalar_max scalar_max2 combine separate switch vector_switch bernoulli build_float_curve
"""
"""Of a wrangler."""
HELPERS = {
    "node_utils": ("to_nodegroup", "assign_curve"),
    "surface": ("add_material", "add_geomod", "shaderfunc_to_material", "eval_argument"),
    "node_wrangler": ("Nodes", "NodeWrangler"),
}
"""Of what is imported beside it."""
ATTRIBUTES = frozenset({*NODES, *_METHODS.split(), *(name for names in HELPERS.values() for name in names)})
