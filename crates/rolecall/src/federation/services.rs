//! The services of the console by the names that people type.

use crate::error::{Error, ErrorKind};

/// A page of the console that has a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Service {
    /// The name, as the AWS CLI has it where it has one.
    pub name: &'static str,
    /// Other names that people know it by, the namespace of its ARNs among them.
    pub aliases: &'static [&'static str],
    /// What the console calls it.
    pub title: &'static str,
    /// Its page: the path, and what stands behind the `#`.
    pub(super) page: &'static str,
    /// Whether it is the same in every region.
    pub is_global: bool,
}

const fn regional(
    name: &'static str,
    title: &'static str,
    page: &'static str,
    aliases: &'static [&'static str],
) -> Service {
    Service {
        name,
        aliases,
        title,
        page,
        is_global: false,
    }
}

const fn global(
    name: &'static str,
    title: &'static str,
    page: &'static str,
    aliases: &'static [&'static str],
) -> Service {
    Service {
        name,
        aliases,
        title,
        page,
        is_global: true,
    }
}

/// Every service there is a name for, by name. The paths are those the console itself links to.
#[rustfmt::skip]
pub const SERVICES: &[Service] = &[
    regional("acm", "Certificate Manager", "acm/home#/certificates/list", &["certificate-manager", "certificates"]),
    regional("amplify", "Amplify", "amplify/apps", &[]),
    regional("apigateway", "API Gateway", "apigateway/main/apis", &["api-gateway", "apigw", "apigatewayv2", "execute-api"]),
    regional("appconfig", "AppConfig", "systems-manager/appconfig/applications", &[]),
    regional("apprunner", "App Runner", "apprunner/home#/services", &["app-runner"]),
    regional("appsync", "AppSync", "appsync/home#/apis", &[]),
    regional("athena", "Athena", "athena/home#/query-editor", &[]),
    regional("autoscaling", "Auto Scaling groups", "ec2/home#AutoScalingGroups:", &["asg", "auto-scaling"]),
    regional("backup", "Backup", "backup/home#/dashboard", &["aws-backup"]),
    regional("batch", "Batch", "batch/home", &[]),
    regional("bedrock", "Bedrock", "bedrock/home#/overview", &[]),
    global("billing", "Billing and Cost Management", "billing/home#/", &["bill", "bills"]),
    global("budgets", "Budgets", "billing/home#/budgets", &["budget"]),
    regional("cloud9", "Cloud9", "cloud9control/home", &[]),
    regional("cloudformation", "CloudFormation", "cloudformation/home#/stacks", &["cfn", "stacks"]),
    global("cloudfront", "CloudFront", "cloudfront/v4/home#/distributions", &["cdn"]),
    regional("cloudshell", "CloudShell", "cloudshell/home", &["shell"]),
    regional("cloudtrail", "CloudTrail", "cloudtrailv2/home#/dashboard", &["trail"]),
    regional("cloudwatch", "CloudWatch", "cloudwatch/home#home:", &["cw", "monitoring", "metrics"]),
    regional("codeartifact", "CodeArtifact", "codesuite/codeartifact/repositories", &[]),
    regional("codebuild", "CodeBuild", "codesuite/codebuild/projects", &[]),
    regional("codecommit", "CodeCommit", "codesuite/codecommit/repositories", &[]),
    regional("codedeploy", "CodeDeploy", "codesuite/codedeploy/applications", &[]),
    regional("codepipeline", "CodePipeline", "codesuite/codepipeline/pipelines", &["pipelines"]),
    regional("cognito", "Cognito user pools", "cognito/v2/idp/user-pools", &["cognito-idp", "user-pools"]),
    regional("cognito-identity", "Cognito identity pools", "cognito/v2/identity/identity-pools", &["identity-pools"]),
    regional("config", "Config", "config/home#/dashboard", &["aws-config"]),
    regional("connect", "Connect", "connect/v2/app/instances", &[]),
    regional("console", "Console Home", "console/home", &["home"]),
    global("costexplorer", "Cost Explorer", "costmanagement/home#/cost-explorer", &["ce", "cost-explorer", "costs"]),
    regional("datasync", "DataSync", "datasync/home#/tasks", &[]),
    regional("directconnect", "Direct Connect", "directconnect/v2/home#/connections", &["dx", "direct-connect"]),
    regional("dms", "Database Migration Service", "dms/v2/home#dashboard", &["database-migration"]),
    regional("docdb", "DocumentDB", "docdb/home#clusters", &["documentdb"]),
    regional("dynamodb", "DynamoDB", "dynamodbv2/home#tables", &["ddb", "dynamo"]),
    regional("ec2", "EC2", "ec2/home#Instances:", &["instances"]),
    regional("ecr", "Elastic Container Registry", "ecr/private-registry/repositories", &["registry"]),
    regional("ecs", "Elastic Container Service", "ecs/v2/clusters", &["containers"]),
    regional("efs", "EFS", "efs/home#/file-systems", &["elasticfilesystem"]),
    regional("eks", "Elastic Kubernetes Service", "eks/home#/clusters", &["kubernetes"]),
    regional("elasticache", "ElastiCache", "elasticache/home#/dashboard", &["redis"]),
    regional("elasticbeanstalk", "Elastic Beanstalk", "elasticbeanstalk/home#/environments", &["beanstalk", "eb"]),
    regional("elb", "Load balancers", "ec2/home#LoadBalancers:", &["elbv2", "elasticloadbalancing", "load-balancers", "alb", "nlb"]),
    regional("emr", "EMR", "emr/home#/clusters", &["elasticmapreduce"]),
    regional("eventbridge", "EventBridge", "events/home#/rules", &["events", "event-bridge"]),
    regional("firehose", "Data Firehose", "firehose/home#/streams", &["kinesis-firehose"]),
    regional("fsx", "FSx", "fsx/home#file-systems", &[]),
    global("globalaccelerator", "Global Accelerator", "globalaccelerator/home#GlobalAcceleratorDashboard:", &["global-accelerator"]),
    regional("glue", "Glue", "glue/home#/v2/home", &[]),
    regional("guardduty", "GuardDuty", "guardduty/home#/findings", &[]),
    global("health", "Health", "health/home#/account/dashboard/open-issues", &["phd"]),
    global("iam", "IAM", "iam/home#/home", &["sts"]),
    regional("identity-center", "IAM Identity Center", "singlesignon/home", &["sso", "iam-identity-center"]),
    regional("imagebuilder", "EC2 Image Builder", "imagebuilder/home#/viewPipelines", &["image-builder"]),
    regional("inspector", "Inspector", "inspector/v2/home#/dashboard", &["inspector2"]),
    regional("iot", "IoT Core", "iot/home#/dashboard", &["iot-core"]),
    regional("kinesis", "Kinesis", "kinesis/home#/streams/list", &["streams"]),
    regional("kms", "Key Management Service", "kms/home#/kms/keys", &["keys"]),
    regional("lakeformation", "Lake Formation", "lakeformation/home#dashboard", &["lake-formation"]),
    regional("lambda", "Lambda", "lambda/home#/functions", &["functions"]),
    regional("logs", "CloudWatch Logs", "cloudwatch/home#logsV2:log-groups", &["cloudwatch-logs", "cwl", "log-groups"]),
    regional("logs-insights", "CloudWatch Logs Insights", "cloudwatch/home#logsV2:logs-insights", &["insights"]),
    regional("macie", "Macie", "macie/home#summary", &["macie2"]),
    regional("memorydb", "MemoryDB", "memorydb/home#/dashboard", &[]),
    regional("mq", "Amazon MQ", "amazon-mq/home#/brokers", &["amazon-mq"]),
    regional("msk", "Managed Streaming for Kafka", "msk/home#/clusters", &["kafka"]),
    regional("mwaa", "Managed Airflow", "mwaa/home#environments", &["airflow"]),
    regional("neptune", "Neptune", "neptune/home#databases:", &[]),
    regional("network-firewall", "Network Firewall", "vpcconsole/home#NetworkFirewalls:", &[]),
    regional("opensearch", "OpenSearch Service", "aos/home#opensearch/domains", &["es", "aos", "elasticsearch"]),
    global("organizations", "Organizations", "organizations/v2/home/accounts", &["org", "orgs"]),
    regional("parameters", "Parameter Store", "systems-manager/parameters", &["parameter-store", "ssm-parameters"]),
    regional("ram", "Resource Access Manager", "ram/home#Home:", &["resource-access-manager"]),
    regional("rds", "RDS and Aurora", "rds/home#databases:", &["databases", "aurora"]),
    regional("redshift", "Redshift", "redshiftv2/home#dashboard", &[]),
    regional("resource-explorer", "Resource Explorer", "resource-explorer/home#/explorer", &["resource-explorer-2"]),
    regional("resource-groups", "Resource Groups", "resource-groups/home", &["tag-editor"]),
    global("route53", "Route 53", "route53/v2/hostedzones", &["r53", "dns", "route-53"]),
    regional("s3", "S3", "s3/buckets", &["buckets"]),
    regional("sagemaker", "SageMaker AI", "sagemaker/home#/landing", &[]),
    regional("scheduler", "EventBridge Scheduler", "scheduler/home#schedules", &["eventbridge-scheduler"]),
    regional("secretsmanager", "Secrets Manager", "secretsmanager/listsecrets", &["secrets", "secrets-manager"]),
    regional("securityhub", "Security Hub", "securityhub/home#/summary", &["security-hub"]),
    regional("servicecatalog", "Service Catalog", "servicecatalog/home#/home", &["service-catalog"]),
    regional("servicequotas", "Service Quotas", "servicequotas/home/services", &["quotas", "service-quotas"]),
    regional("ses", "Simple Email Service", "ses/home#/homepage", &["email"]),
    regional("session-manager", "Session Manager", "systems-manager/session-manager/sessions", &["sessions"]),
    regional("sns", "Simple Notification Service", "sns/v3/home#/topics", &["topics"]),
    regional("sqs", "Simple Queue Service", "sqs/v3/home#/queues", &["queues"]),
    regional("ssm", "Systems Manager", "systems-manager/home", &["systems-manager"]),
    regional("stepfunctions", "Step Functions", "states/home#/statemachines", &["states", "sfn", "step-functions"]),
    regional("storagegateway", "Storage Gateway", "storagegateway/home", &["storage-gateway"]),
    global("support", "Support", "support/home#/", &[]),
    regional("synthetics", "CloudWatch Synthetics", "cloudwatch/home#synthetics:canary/list", &["canaries"]),
    regional("transfer", "Transfer Family", "transfer/home#/servers", &["sftp"]),
    global("trustedadvisor", "Trusted Advisor", "trustedadvisor/home#/dashboard", &["trusted-advisor"]),
    regional("vpc", "VPC", "vpcconsole/home#vpcs:", &["subnets"]),
    regional("waf", "WAF", "wafv2/homev2/web-acls", &["wafv2"]),
    regional("workspaces", "WorkSpaces", "workspaces/v2/home", &[]),
    regional("xray", "X-Ray", "cloudwatch/home#xray:service-map/map", &["x-ray", "traces"]),
];

impl Service {
    /// The service of that name, in capitals or not.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the nearest names.
    pub fn named(name: &str) -> Result<&'static Self, Error> {
        Self::find(name).ok_or_else(|| {
            let error = Error::new(ErrorKind::Config, format!("no service of the console is called `{name}`"));
            let near = nearest(name);
            let list = "`rolecall console --services` lists all names; an ARN or an address of the console will do too.";
            match near.is_empty() {
                true => error.with_hint(list),
                false => error.with_hint(format!("Did you mean {}?", near.join(" or "))).with_hint(list),
            }
        })
    }

    pub(super) fn find(name: &str) -> Option<&'static Self> {
        let name = name.to_ascii_lowercase();
        SERVICES
            .iter()
            .find(|service| service.name == name || service.aliases.contains(&name.as_str()))
    }
}

/// At most three names near to what was typed.
fn nearest(typed: &str) -> Vec<String> {
    let typed = typed.to_ascii_lowercase();
    let names = SERVICES
        .iter()
        .flat_map(|service| service.aliases.iter().chain([&service.name]));
    let mut near: Vec<_> = names
        .map(|name| (strsim::jaro_winkler(&typed, name), *name))
        .filter(|(likeness, _)| *likeness > 0.82)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.into_iter()
        .take(3)
        .map(|(_, name)| format!("`{name}`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_means_one_service() {
        let mut seen = BTreeSet::new();
        for service in SERVICES {
            for name in service.aliases.iter().chain([&service.name]) {
                assert!(seen.insert(*name), "{name} twice");
                assert!(
                    name.bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                    "{name}"
                );
                assert_eq!(Service::named(&name.to_uppercase()).unwrap(), service);
            }
        }
        assert!(SERVICES.len() >= 80, "{}", SERVICES.len());
        assert!(SERVICES.is_sorted_by_key(|service| service.name));
    }

    #[test]
    fn a_slip_of_the_hand_gets_the_nearest_names() {
        for (typed, meant) in [
            ("lamda", "`lambda`"),
            ("dynmodb", "`dynamodb`"),
            ("cloudwach", "`cloudwatch`"),
            ("secretmanager", "`secretsmanager`"),
            ("s4", ""),
        ] {
            let error = Service::named(typed).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.hints()[0].contains(meant), "{typed}: {:?}", error.hints());
            assert!(error.hints().iter().any(|hint| hint.contains("--services")));
        }
        assert_eq!(Service::named("zzzzzzzz").unwrap_err().hints().len(), 1);
    }
}
