//! The least that finding roles needs.

use crate::partition::Partition;

/// The least-privilege policy for finding roles, as JSON: what a user may read of themselves first, then what widens the
/// picture.
pub fn needs(partition: Partition) -> String {
    let partition = partition.id();
    let me = [
        format!("arn:{partition}:iam::*:user/${{aws:username}}"),
        // The variable is the name without its path.
        format!("arn:{partition}:iam::*:user/*/${{aws:username}}"),
        // Roles, Identity Center's too, have no variable of their own name.
        format!("arn:{partition}:iam::*:role/*"),
    ];
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadMyself",
                "Effect": "Allow",
                "Action": [
                    "iam:GetUser", "iam:ListAttachedUserPolicies", "iam:ListUserPolicies", "iam:GetUserPolicy",
                    "iam:ListGroupsForUser", "iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
                    "iam:GetRolePolicy",
                ],
                "Resource": me,
            },
            {
                "Sid": "ReadMyGroupsAndPolicies",
                "Effect": "Allow",
                "Action": [
                    "iam:ListAttachedGroupPolicies", "iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:GetPolicy",
                    "iam:GetPolicyVersion",
                ],
                "Resource": [
                    format!("arn:{partition}:iam::*:group/*"),
                    format!("arn:{partition}:iam::*:policy/*"),
                    format!("arn:{partition}:iam::aws:policy/*"),
                ],
            },
            {
                "Sid": "ListRolesAndAccounts",
                "Effect": "Allow",
                "Action": [
                    "iam:ListRoles", "iam:ListAccountAliases", "organizations:DescribeOrganization",
                    "organizations:ListAccounts", "organizations:ListParents",
                    "organizations:ListPoliciesForTarget", "organizations:DescribePolicy",
                ],
                "Resource": "*",
            },
        ],
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}
