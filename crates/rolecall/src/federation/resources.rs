//! From an ARN to the page of what it names. The paths are those the console itself links to.

use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::destination::{Arn, WHOLE};
use crate::partition::{Partition, Region};

/// What stands in the console's own links as it is: the separators of ARNs and paths.
const BARE: &AsciiSet = &WHOLE
    .remove(b':')
    .remove(b'/')
    .remove(b'@')
    .remove(b'=')
    .remove(b',')
    .remove(b'+');

/// As `encodeURIComponent` has it.
fn whole(text: &str) -> String {
    utf8_percent_encode(text, WHOLE).to_string()
}

fn bare(text: &str) -> String {
    utf8_percent_encode(text, BARE).to_string()
}

/// Twice, with `$` in the place of `%`: so CloudWatch has names in its fragments.
fn dollars(text: &str) -> String {
    whole(&whole(text)).replace('%', "$")
}

/// `PATH[?QUERY][#FRAGMENT]` of the resource; the region is put in later. None: no page is known for its kind.
pub(super) fn page(arn: &Arn<'_>, partition: Partition, region: &Region) -> Option<String> {
    let resource = arn.resource;
    // `KIND/NAME`, `KIND:NAME`, or a name alone.
    let (kind, name) = resource.split_once(['/', ':']).unwrap_or(("", resource));
    if name.is_empty() {
        return None;
    }
    let page = match arn.service {
        "s3" => bucket(resource),
        "ec2" => return ec2(kind, name),
        "iam" | "sts" => return iam(arn, kind, name),
        "logs" | "cloudwatch" => return cloudwatch(kind, name),
        "ecs" => return ecs(kind, name),
        "elasticloadbalancing" | "autoscaling" => return balancing(arn, kind, name),
        "codebuild" | "codecommit" | "codedeploy" | "codepipeline" => return code(arn, kind, name),
        "apigateway" | "execute-api" => return api(arn.service, resource),
        "glue" | "redshift" | "rds" | "dynamodb" | "es" | "elasticfilesystem" | "backup" | "athena" => {
            return data(arn.service, kind, name);
        }
        "lambda" => return lambda(kind, name),
        "sqs" => {
            let suffix = partition.dns_suffix();
            let url = format!("https://sqs.{region}.{suffix}/{}/{resource}", arn.account);
            format!("sqs/v3/home#/queues/{}", whole(&url))
        }
        "sns" => match resource.contains(':') {
            true => format!("sns/v3/home#/subscription/{}", bare(arn.text)),
            false => format!("sns/v3/home#/topic/{}", bare(arn.text)),
        },
        "cloudformation" if kind == "stack" => {
            format!(
                "cloudformation/home#/stacks/stackinfo?stackId={}",
                whole(arn.text)
            )
        }
        "eks" if kind == "cluster" => format!("eks/home#/clusters/{}", whole(name)),
        "kms" if kind == "key" => format!("kms/home#/kms/keys/{}", whole(name)),
        "secretsmanager" if kind == "secret" => {
            format!("secretsmanager/secret?name={}", whole(without_suffix(name)))
        }
        "ssm" if kind == "parameter" => {
            // A name with a path begins with `/`, which its ARN leaves out.
            let name = match name.contains('/') {
                true => format!("/{name}"),
                false => name.to_owned(),
            };
            format!("systems-manager/parameters/{}/description", whole(&whole(&name)))
        }
        "ssm" if kind == "document" => format!("systems-manager/documents/{}/description", whole(name)),
        "states" if kind == "stateMachine" => format!("states/home#/statemachines/view/{}", whole(arn.text)),
        "states" if kind == "execution" => format!("states/home#/v2/executions/details/{}", bare(arn.text)),
        "cloudfront" if kind == "distribution" => {
            format!("cloudfront/v4/home#/distributions/{}", whole(name))
        }
        "route53" if kind == "hostedzone" => format!("route53/v2/hostedzones#ListRecordSets/{}", whole(name)),
        "ecr" if kind == "repository" => {
            format!("ecr/repositories/private/{}/{}", whole(arn.account), bare(name))
        }
        "kinesis" if kind == "stream" => format!("kinesis/home#/streams/details/{}/monitoring", whole(name)),
        "firehose" if kind == "deliverystream" => {
            format!("firehose/home#/details/{}/monitoring", whole(name))
        }
        "events" if kind == "rule" => {
            let (bus, rule) = name.rsplit_once('/').unwrap_or(("default", name));
            format!("events/home#/eventbus/{}/rules/{}", whole(bus), whole(rule))
        }
        "events" if kind == "event-bus" => format!("events/home#/eventbus/{}", whole(name)),
        "scheduler" if kind == "schedule" => format!("scheduler/home#schedules/{}", bare(name)),
        "acm" if kind == "certificate" => format!("acm/home#/certificates/{}", whole(name)),
        "cognito-idp" if kind == "userpool" => format!("cognito/v2/idp/user-pools/{}/users", whole(name)),
        "elasticmapreduce" if kind == "cluster" => format!("emr/home#/clusterDetails/{}", whole(name)),
        "kafka" if kind == "cluster" => format!("msk/home#/cluster/{}/view", whole(arn.text)),
        "cloudtrail" if kind == "trail" => format!("cloudtrailv2/home#/trails/{}", bare(arn.text)),
        "mq" if kind == "broker" => {
            let id = name.rsplit(':').next().unwrap_or(name);
            format!("amazon-mq/home#/brokers/details?id={}", whole(id))
        }
        "organizations" if kind == "account" => {
            let id = name.rsplit('/').next().unwrap_or(name);
            format!("organizations/v2/home/accounts/{}", whole(id))
        }
        "sagemaker" if kind == "notebook-instance" => {
            format!("sagemaker/home#/notebook-instances/{}", whole(name))
        }
        "transfer" if kind == "server" => format!("transfer/home#/servers/{}", whole(name)),
        _ => return None,
    };
    Some(page)
}

/// A bucket, an object, or all objects whose keys begin alike (`bucket/logs/` and `bucket/logs/*`).
fn bucket(resource: &str) -> String {
    match resource.split_once('/') {
        None => format!("s3/buckets/{}", whole(resource)),
        Some((bucket, key)) => {
            let prefix = key.strip_suffix('*').unwrap_or(key);
            match prefix.is_empty() || prefix.ends_with('/') || prefix.len() < key.len() {
                true => format!("s3/buckets/{}?prefix={}", whole(bucket), whole(prefix)),
                false => format!("s3/object/{}?prefix={}", whole(bucket), whole(key)),
            }
        }
    }
}

fn ec2(kind: &str, id: &str) -> Option<String> {
    let id = whole(id);
    let (console, page) = match kind {
        "instance" => ("ec2", "InstanceDetails:instanceId="),
        "security-group" => ("ec2", "SecurityGroup:groupId="),
        "volume" => ("ec2", "VolumeDetails:volumeId="),
        "snapshot" => ("ec2", "SnapshotDetails:snapshotId="),
        "image" => ("ec2", "ImageDetails:imageId="),
        "key-pair" => ("ec2", "KeyPairs:search="),
        "network-interface" => ("ec2", "NetworkInterface:networkInterfaceId="),
        "elastic-ip" => ("ec2", "ElasticIpDetails:AllocationId="),
        "launch-template" => ("ec2", "LaunchTemplateDetails:launchTemplateId="),
        "vpc" => ("vpcconsole", "VpcDetails:VpcId="),
        "subnet" => ("vpcconsole", "SubnetDetails:subnetId="),
        "route-table" => ("vpcconsole", "RouteTableDetails:RouteTableId="),
        "internet-gateway" => ("vpcconsole", "InternetGateway:internetGatewayId="),
        "natgateway" => ("vpcconsole", "NatGatewayDetails:natGatewayId="),
        "network-acl" => ("vpcconsole", "NetworkAclDetails:networkAclId="),
        "vpc-endpoint" => ("vpcconsole", "EndpointDetails:vpcEndpointId="),
        "transit-gateway" => ("vpcconsole", "TransitGatewayDetails:transitGatewayId="),
        _ => return None,
    };
    Some(format!("{console}/home#{page}{id}"))
}

fn iam(arn: &Arn<'_>, kind: &str, name: &str) -> Option<String> {
    // The console knows roles, users and groups by their names, without their paths.
    let last = whole(name.rsplit('/').next().unwrap_or(name));
    let page = match (arn.service, kind) {
        ("sts", "assumed-role") => format!("roles/details/{}", whole(name.split('/').next().unwrap_or(name))),
        ("iam", "role") => format!("roles/details/{last}"),
        ("iam", "user") => format!("users/details/{last}"),
        ("iam", "group") => format!("groups/details/{last}"),
        ("iam", "policy") => format!("policies/details/{}", whole(arn.text)),
        ("iam", "oidc-provider") => format!("identity_providers/details/OPENID/{}", whole(arn.text)),
        ("iam", "saml-provider") => format!("identity_providers/details/SAML/{}", whole(arn.text)),
        _ => return None,
    };
    Some(format!("iam/home#/{page}"))
}

fn lambda(kind: &str, name: &str) -> Option<String> {
    match kind {
        "function" => {
            let (function, qualifier) = name.split_once(':').unwrap_or((name, ""));
            let of = match qualifier {
                "" | "$LATEST" => String::new(),
                version if version.bytes().all(|b| b.is_ascii_digit()) => format!("/versions/{version}"),
                alias => format!("/aliases/{}", whole(alias)),
            };
            Some(format!("lambda/home#/functions/{}{of}", whole(function)))
        }
        "layer" => {
            let (layer, version) = name.split_once(':').unwrap_or((name, "1"));
            Some(format!(
                "lambda/home#/layers/{}/versions/{}",
                whole(layer),
                whole(version)
            ))
        }
        _ => None,
    }
}

fn cloudwatch(kind: &str, name: &str) -> Option<String> {
    let page = match kind {
        "log-group" => {
            let name = name.strip_suffix(":*").unwrap_or(name);
            match name.split_once(":log-stream:") {
                None => format!("logsV2:log-groups/log-group/{}", dollars(name)),
                Some((group, stream)) => format!(
                    "logsV2:log-groups/log-group/{}/log-events/{}",
                    dollars(group),
                    dollars(stream)
                ),
            }
        }
        "alarm" => format!("alarmsV2:alarm/{}", whole(name)),
        "dashboard" => format!("dashboards/dashboard/{}", whole(name)),
        _ => return None,
    };
    Some(format!("cloudwatch/home#{page}"))
}

fn ecs(kind: &str, name: &str) -> Option<String> {
    let parts: Vec<_> = name.split('/').map(whole).collect();
    match (kind, parts.as_slice()) {
        ("cluster", [cluster]) => Some(format!("ecs/v2/clusters/{cluster}/services")),
        ("service", [cluster, service]) => {
            Some(format!("ecs/v2/clusters/{cluster}/services/{service}/health"))
        }
        ("task", [cluster, task]) => Some(format!("ecs/v2/clusters/{cluster}/tasks/{task}/configuration")),
        ("task-definition", [_]) => {
            let (family, revision) = name.split_once(':')?;
            Some(format!(
                "ecs/v2/task-definitions/{}/{}/containers",
                whole(family),
                whole(revision)
            ))
        }
        _ => None,
    }
}

fn balancing(arn: &Arn<'_>, kind: &str, name: &str) -> Option<String> {
    let page = match (arn.service, kind) {
        ("elasticloadbalancing", "loadbalancer") if name.contains('/') => {
            format!("LoadBalancer:loadBalancerArn={}", bare(arn.text))
        }
        // A classic one has no more than a name.
        ("elasticloadbalancing", "loadbalancer") => format!("LoadBalancers:search={}", whole(name)),
        ("elasticloadbalancing", "targetgroup") => format!("TargetGroup:targetGroupArn={}", bare(arn.text)),
        ("autoscaling", "autoScalingGroup") => {
            let (_, group) = name.split_once(":autoScalingGroupName/")?;
            format!("AutoScalingGroupDetails:id={}", whole(group))
        }
        _ => return None,
    };
    Some(format!("ec2/home#{page}"))
}

fn code(arn: &Arn<'_>, kind: &str, name: &str) -> Option<String> {
    let page = match (arn.service, kind) {
        ("codebuild", "project") => format!("codebuild/{}/projects/{}", whole(arn.account), whole(name)),
        ("codebuild", "build") => {
            let (project, _) = name.split_once(':')?;
            format!(
                "codebuild/{}/projects/{}/build/{}",
                whole(arn.account),
                whole(project),
                whole(name)
            )
        }
        ("codepipeline", "") => format!("codepipeline/pipelines/{}/view", whole(name)),
        ("codecommit", "") => format!("codecommit/repositories/{}/browse", whole(name)),
        ("codedeploy", "application") => format!("codedeploy/applications/{}", whole(name)),
        _ => return None,
    };
    Some(format!("codesuite/{page}"))
}

/// `/restapis/ID/…` and `/apis/ID/…`; of `execute-api` the id comes first, as in `ID/STAGE/GET/path`.
fn api(service: &str, resource: &str) -> Option<String> {
    let mut parts = resource.split('/');
    let (kind, id) = match service {
        "execute-api" => ("restapis", parts.next()),
        _ => (parts.nth(1)?, parts.next()),
    };
    let id = whole(id.filter(|id| !id.is_empty())?);
    match kind {
        "restapis" => Some(format!("apigateway/main/apis/{id}/resources?api={id}")),
        "apis" => Some(format!("apigateway/main/api-detail?api={id}")),
        _ => None,
    }
}

fn data(service: &str, kind: &str, name: &str) -> Option<String> {
    let page = match (service, kind) {
        ("dynamodb", "table") => {
            let table = name.split('/').next().unwrap_or(name);
            format!("dynamodbv2/home#table?name={}", whole(table))
        }
        ("rds", "db") => format!("rds/home#database:id={};is-cluster=false", whole(name)),
        ("rds", "cluster") => format!("rds/home#database:id={};is-cluster=true", whole(name)),
        ("redshift", "cluster") => format!("redshiftv2/home#/cluster-details?cluster={}", whole(name)),
        ("es", "domain") => format!("aos/home#opensearch/domains/{}", whole(name)),
        ("elasticfilesystem", "file-system") => format!("efs/home#/file-systems/{}", whole(name)),
        ("backup", "backup-vault") => format!("backup/home#/backupvaults/details/{}", whole(name)),
        ("athena", "workgroup") => format!("athena/home#/workgroups/details/{}", whole(name)),
        ("glue", "database") => format!("glue/home#/v2/data-catalog/databases/view/{}", whole(name)),
        ("glue", "table") => {
            let (database, table) = name.split_once('/')?;
            format!(
                "glue/home#/v2/data-catalog/tables/view/{}?database={}",
                whole(table),
                whole(database)
            )
        }
        ("glue", "job") => format!("gluestudio/home#/editor/job/{}/script", whole(name)),
        _ => return None,
    };
    Some(page)
}

/// The name of a secret without the hyphen and six characters that its ARN has behind it.
fn without_suffix(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((name, suffix)) if suffix.len() == 6 && suffix.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            name
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use crate::federation::{Destination, Place};

    /// Each kind that is known, and its page in eu-west-1.
    const PAGES: &str = include_str!("pages.txt");

    #[test]
    fn every_kind_that_is_known_has_its_page() {
        let region = "eu-west-1".parse().unwrap();
        let mut seen = 0;
        for line in PAGES.lines().filter(|line| !line.is_empty()) {
            let (arn, page) = line.split_once(' ').unwrap();
            let found = Destination::read(Some(arn), &Place::new(&region)).unwrap();
            assert_eq!(found.note(), None, "{arn}");
            assert_eq!(found.url(), format!("https://{page}"), "{arn}");
            seen += 1;
        }
        assert!(seen >= 75, "{seen}");
    }

    #[test]
    fn what_an_arn_says_stays_in_its_place() {
        let region = "eu-west-1".parse().unwrap();
        for resource in [
            "function:x#/../y",
            "function:x?a=b&c",
            "function:../../evil",
            "function:<script>",
            "function:a%2fb",
        ] {
            let arn = format!("arn:aws:lambda:eu-west-1:666666666666:{resource}");
            let found = Destination::read(Some(&arn), &Place::new(&region)).unwrap();
            let (head, rest) = found.url().split_once("#/functions/").unwrap();
            assert_eq!(
                head,
                "https://eu-west-1.console.aws.amazon.com/lambda/home?region=eu-west-1"
            );
            assert!(
                rest.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"%-_.~".contains(&b)),
                "{rest}"
            );
        }
        let china = "cn-north-1".parse().unwrap();
        let queue = Destination::read(
            Some("arn:aws-cn:sqs:cn-north-1:666666666666:q"),
            &Place::new(&china),
        )
        .unwrap();
        assert!(
            queue
                .url()
                .starts_with("https://console.amazonaws.cn/sqs/v3/home?region=cn-north-1#"),
            "{queue:?}"
        );
        assert!(
            queue
                .url()
                .contains("sqs.cn-north-1.amazonaws.com.cn%2F666666666666%2Fq"),
            "{queue:?}"
        );
    }
}
