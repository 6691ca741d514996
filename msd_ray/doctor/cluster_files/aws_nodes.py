"""`node_config` on AWS: the parameters of EC2's RunInstances, which Ray passes on unread.

The service's own description of them comes with botocore, which Ray's launcher needs for AWS anyway.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from msd_ray.search.yaml_source import KeyPath, YamlSource

from .aws_machines import machine
from .findings import Finding, found, items, value_at
from .json_schema import schema_findings
from .machines import offer_findings, unknown_machine

if TYPE_CHECKING:
    from botocore.model import Shape

# What Ray adds to the parameters, and what it takes away from them before it calls AWS.
_RAYS_OWN = {"SubnetIds": {"type": "array", "items": {"type": "string"}, "minItems": 1}}
_RAY_GIVES = ("MinCount", "MaxCount", "SubnetId")
_TYPES = {"string": "string", "integer": "integer", "long": "integer", "boolean": "boolean", "double": "number"}


def aws_findings(source: YamlSource) -> Iterator[Finding]:
    """What is wrong in the node types of a launcher YAML for AWS."""
    head = source.data.get("head_node_type")
    for at, node in items(source.data, "available_node_types"):
        config = node.get("node_config")
        if not isinstance(config, dict):
            continue  # Ray's schema says so
        there = (*at, "node_config")
        yield from schema_findings(source, _schema(), there)
        yield from _network(source, there, config)
        yield from _machine(source, at, node)
        spot = value_at(config, "InstanceMarketOptions", "MarketType") == "spot"
        if at[-1] == head:
            if spot:
                market = (*there, "InstanceMarketOptions")
                yield found(source, market, "the head must not be a spot instance: with it the whole cluster goes")
            if "IamInstanceProfile" not in config:
                yield found(
                    source, there, "IamInstanceProfile is missing: Ray would make a role with full access to EC2 and S3"
                )
        elif not spot:
            yield found(source, there, "this worker is no spot instance, which costs several times as much", "note")
        if value_at(config, "MetadataOptions", "HttpTokens") != "required":
            yield found(source, there, "MetadataOptions.HttpTokens must be required: else any request reads the role")
        for disk, mapping in items(config, "BlockDeviceMappings"):
            if value_at(mapping, "Ebs", "Encrypted") is not True:
                yield found(source, (*there, *disk), "Ebs.Encrypted must be true")


def _network(source: YamlSource, at: KeyPath, config: Mapping[str, Any]) -> Iterator[Finding]:
    if not config.get("SecurityGroupIds"):
        yield found(source, at, "SecurityGroupIds is missing: Ray would make a group that admits SSH from everywhere")
    if not config.get("SubnetIds"):
        yield found(source, at, "SubnetIds is missing: Ray would take any subnet of the account, public ones too")
    for interface, values in items(config, "NetworkInterfaces"):
        if values.get("AssociatePublicIpAddress"):
            public = (*at, *interface, "AssociatePublicIpAddress")
            yield found(source, public, "must be false: it makes the node public")


def _machine(source: YamlSource, at: KeyPath, node: Mapping[str, Any]) -> Iterator[Finding]:
    """What the node says that it offers, against its instance type."""
    name = value_at(node, "node_config", "InstanceType")
    if not isinstance(name, str):
        return  # the schema says so
    has = machine(name)
    if has is None:
        yield unknown_machine(source, (*at, "node_config", "InstanceType"), name)
    else:
        yield from offer_findings(source, at, node, name, has)


@cache
def _schema() -> dict[str, Any]:
    """RunInstances as a JSON Schema. Raises UserError without botocore."""
    from .provider_packages import needs

    with needs("boto3"):
        from botocore.loaders import Loader
        from botocore.model import ServiceModel
    model = ServiceModel(Loader().load_service_model("ec2", "service-2"), "ec2")
    schema = _shape(model.operation_model("RunInstances").input_shape)
    properties = {name: value for name, value in schema["properties"].items() if name not in _RAY_GIVES}
    return {**schema, "properties": {**properties, **_RAYS_OWN}, "required": ["InstanceType", "ImageId"]}


def _shape(shape: "Shape") -> dict[str, Any]:
    if shape.type_name == "structure":
        members = {name: _shape(member) for name, member in shape.members.items()}
        return {
            "type": "object",
            "properties": members,
            "required": list(shape.required_members),
            "additionalProperties": False,
        }
    if shape.type_name == "list":
        return {"type": "array", "items": _shape(shape.member)}
    if getattr(shape, "enum", None):
        return {"enum": list(shape.enum)}
    return {"type": _TYPES[shape.type_name]} if shape.type_name in _TYPES else {}
