"""Memory: a Chroma server that only one function can reach, and that function. It can be rebuilt from the ledger."""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_servicediscovery as servicediscovery
from constructs import Construct

from .deployment import Deployment, refuse, waive
from .grants import Place, grant
from .stage_function import StageFunction, retention

IMAGE, PORT, NFS, HTTPS = "chromadb/chroma", 8000, 2049, 443
ARM = ecs.RuntimePlatform(
    cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
)
# The image has neither curl nor Python, but bash, which opens sockets by itself.
HEARTBEAT = (
    rf"exec 3<>/dev/tcp/127.0.0.1/{PORT} && printf 'GET /api/v2/heartbeat HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3"
    " && read -r -t 3 line <&3 && [[ $line == *' 200 '* ]]"
)
ANY_USER = "1000"
INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


class Network(ec2.Vpc):
    """Public subnets, for Chroma to fetch its image; isolated ones for its disk and for who asks it. No NAT."""

    def __init__(self, scope: Construct) -> None:
        kinds = {"public": ec2.SubnetType.PUBLIC, "isolated": ec2.SubnetType.PRIVATE_ISOLATED}
        super().__init__(
            scope,
            "Network",
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,  # else a function more, which nobody asked for
            subnet_configuration=[
                ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=24, map_public_ip_on_launch=False)
                if kind is ec2.SubnetType.PUBLIC
                else ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=24)
                for name, kind in kinds.items()
            ],
            gateway_endpoints={
                "Tables": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
                "Buckets": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
        )
        waive(self, {"AwsSolutions-VPC7": "one task and one function; flow logs would cost more than both"})

    @property
    def isolated(self) -> ec2.SubnetSelection:
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)

    def lock(self, scope: Construct, name: str, says: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(scope, name, vpc=self, description=says, allow_all_outbound=False)


class Disk(efs.FileSystem):
    """Where Chroma keeps its index; it can be lost, and backups make that unlikely."""

    def __init__(self, scope: Construct, network: Network) -> None:
        self.lock = network.lock(scope, "DiskLock", "The disk of Chroma")
        super().__init__(
            scope,
            "Disk",
            vpc=network,
            vpc_subnets=network.isolated,
            security_group=self.lock,
            encrypted=True,
            enable_automatic_backups=True,
            file_system_policy=iam.PolicyDocument(statements=[_deny_plain_text()]),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.door = self.add_access_point(
            "Door",
            path="/chroma",
            posix_user=efs.PosixUser(uid=ANY_USER, gid=ANY_USER),
            create_acl=efs.Acl(owner_uid=ANY_USER, owner_gid=ANY_USER, permissions="700"),
        )


class Chroma(Construct):
    """The one server, the one writer: an old task is gone before a new one comes."""

    def __init__(self, scope: Construct, network: Network, deployment: Deployment) -> None:
        super().__init__(scope, "Chroma")
        disk = Disk(self, network)
        self.lock = network.lock(self, "Lock", "Chroma: admits the memory function alone")
        self.lock.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(HTTPS), "its image, and its logs")
        self.lock.connections.allow_to(disk.lock, ec2.Port.tcp(NFS), "its disk")
        cluster = self._cluster(network, deployment)
        self.service = ecs.FargateService(
            self,
            "Service",
            service_name=deployment.named("chroma"),
            cluster=cluster,
            task_definition=self._task(disk, deployment),
            desired_count=1,
            min_healthy_percent=0,
            max_healthy_percent=100,
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.DISABLED,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            capacity_provider_strategies=[_capacity(deployment)],
            assign_public_ip=True,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            security_groups=[self.lock],
            cloud_map_options=ecs.CloudMapOptions(
                name="chroma", dns_record_type=servicediscovery.DnsRecordType.A, dns_ttl=Duration.seconds(10)
            ),
        )
        capacity = ecs.CfnClusterCapacityProviderAssociations(
            self,
            "Capacity",
            cluster=cluster.cluster_name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            default_capacity_provider_strategy=[],
        )
        # Its first start needs the disk's targets, the way to its image, and rules that let it take both; all of these,
        # and its capacity, can only be taken away when it is gone.
        ways = (network.internet_connectivity_established, *network.public_subnets)
        self.service.node.add_dependency(disk.mount_targets_available, *ways, self.lock, disk.lock, capacity)
        self.url = f"http://chroma.{_domain(deployment)}:{PORT}"

    def _cluster(self, network: Network, deployment: Deployment) -> ecs.Cluster:
        cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=deployment.named("chroma"),
            vpc=network,
            default_cloud_map_namespace=ecs.CloudMapNamespaceOptions(name=_domain(deployment)),
        )
        waive(cluster, {"AwsSolutions-ECS4": "Container Insights costs more than the one task it would look at"})
        return cluster

    def _task(self, disk: Disk, deployment: Deployment) -> ecs.FargateTaskDefinition:
        volume = ecs.Volume(
            name="index",
            efs_volume_configuration=ecs.EfsVolumeConfiguration(
                file_system_id=disk.file_system_id,
                transit_encryption="ENABLED",
                authorization_config=ecs.AuthorizationConfig(access_point_id=disk.door.access_point_id, iam="ENABLED"),
            ),
        )
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=deployment.named("chroma"),
            cpu=256,
            memory_limit_mib=512,
            runtime_platform=ARM,
            volumes=[volume],
        )
        task.add_to_task_role_policy(_mounts(disk))
        container = task.add_container(
            "chroma",
            image=ecs.ContainerImage.from_registry(f"{IMAGE}@{self._digest(deployment)}"),
            health_check=ecs.HealthCheck(
                command=["CMD", "/bin/bash", "-c", HEARTBEAT],
                interval=Duration.seconds(30),
                timeout=Duration.seconds(5),
                start_period=Duration.seconds(60),
                retries=3,
            ),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="chroma", mode=ecs.AwsLogDriverMode.NON_BLOCKING, log_group=self._log(deployment)
            ),
            port_mappings=[ecs.PortMapping(container_port=PORT)],
        )
        container.add_mount_points(ecs.MountPoint(container_path="/data", source_volume=volume.name, read_only=False))
        return task

    def _digest(self, deployment: Deployment) -> str:
        if digest := deployment.settings.cloud.chroma_digest:
            return digest
        refuse(
            Stack.of(self),
            "ChromaImage",
            "which Chroma is not said: set cloud.chroma_digest (docs/deploy.md says how to find it)",
        )
        return f"sha256:{'0' * 64}"

    def _log(self, deployment: Deployment) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/semanticsignal/{deployment.stage}/chroma",
            retention=retention(deployment.settings.cloud.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )


class Memory(Stack):
    """The network, Chroma in it, and the function that recalls and remembers for all others."""

    def __init__(self, scope: Construct, construct_id: str, deployment: Deployment, given: dict[str, Place]) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=deployment.named("memory"),
            description="Semantic Signal: Chroma and the memory function",
        )
        network = Network(self)
        chroma = Chroma(self, network, deployment)
        lock = network.lock(self, "FunctionLock", "The memory function")
        lock.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(HTTPS), "the ledger: no other way leads out of its subnet"
        )
        lock.connections.allow_to(chroma.lock, ec2.Port.tcp(PORT), "Chroma")
        self.function = StageFunction(
            self,
            "memory",
            deployment,
            is_asked=True,
            vpc=network,
            vpc_subnets=network.isolated,
            security_groups=[lock],
        )
        _admit(self.function, deployment.named("memory"))
        grant("memory", self.function, {**given, "chroma": Place(chroma.url, "")})

    @property
    def places(self) -> dict[str, Place]:
        return {"memory": Place(self.function.function_name, self.function.function_arn)}


def _admit(function: StageFunction, name: str) -> None:
    """Into its subnet. AWS needs these on `*`: an interface has no name before. The function's code is denied them."""
    if function.role is None:
        return
    own = Stack.of(function).format_arn(
        service="lambda", resource="function", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    function.add_to_role_policy(iam.PolicyStatement(actions=[*INTERFACES], resources=["*"]))
    function.add_to_role_policy(
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=[*INTERFACES],
            resources=["*"],
            conditions={"ArnEquals": {"lambda:SourceFunctionArn": own}},
        )
    )
    waive(
        function.role,
        {"AwsSolutions-IAM5[Resource::*]": "an interface has no name before it is made; the code itself is denied it"},
    )


def _mounts(disk: Disk) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
        resources=[disk.file_system_arn],
        conditions={"StringEquals": {"elasticfilesystem:AccessPointArn": disk.door.access_point_arn}},
    )


def _deny_plain_text() -> iam.PolicyStatement:
    """A policy of its own also ends the open door that a disk without one has."""
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=[
            "elasticfilesystem:ClientMount",
            "elasticfilesystem:ClientWrite",
            "elasticfilesystem:ClientRootAccess",
        ],
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def _capacity(deployment: Deployment) -> ecs.CapacityProviderStrategy:
    provider = "FARGATE_SPOT" if deployment.settings.cloud.is_spot else "FARGATE"
    return ecs.CapacityProviderStrategy(capacity_provider=provider, weight=1)


def _domain(deployment: Deployment) -> str:
    return f"semanticsignal-{deployment.stage}.internal"
