//! `EvalResourceName`: "the ARN template for the simulated resource type, or * if no ARN format is defined for the action"
//! (EvaluationResult), for the services that the sandbox has.

/// The resource of an action, as "Actions, resources, and condition keys for AWS services" writes it.
pub(super) fn of(action: &str) -> &'static str {
    let (service, name) = action.split_once(':').unwrap_or_default();
    match service.to_ascii_lowercase().as_str() {
        "sts" if name.starts_with("Assume") => "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}",
        "s3" if name.contains("Object") => "arn:${Partition}:s3:::${BucketName}/${ObjectName}",
        "s3" if name.contains("Bucket") && name != "ListAllMyBuckets" => {
            "arn:${Partition}:s3:::${BucketName}"
        }
        "sns" if name == "Publish" || name.contains("Topic") && name != "ListTopics" => {
            "arn:${Partition}:sns:${Region}:${Account}:${TopicName}"
        }
        "iam" => iam(name),
        _ => "*",
    }
}

fn iam(name: &str) -> &'static str {
    match name {
        "ListUsers" | "ListRoles" | "ListGroups" | "ListPolicies" => "*",
        "PassRole" => "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}",
        "CreatePolicy"
        | "DeletePolicy"
        | "GetPolicy"
        | "ListEntitiesForPolicy"
        | "TagPolicy"
        | "UntagPolicy"
        | "ListPolicyTags" => "arn:${Partition}:iam::${Account}:policy/${PolicyNameWithPath}",
        _ if name.contains("PolicyVersion") => {
            "arn:${Partition}:iam::${Account}:policy/${PolicyNameWithPath}"
        }
        _ if name.contains("Role") => "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}",
        "ListGroupsForUser" => "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}",
        _ if name.contains("Group") => "arn:${Partition}:iam::${Account}:group/${GroupNameWithPath}",
        _ if name.contains("User") || name.contains("AccessKey") => {
            "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}"
        }
        _ => "*",
    }
}
