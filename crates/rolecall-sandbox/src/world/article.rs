//! The article's two accounts.

use super::{Account, Role, User, World};

pub(super) fn world() -> World {
    let joe = User::new("joe.bloggs").policy(
        "assume-in-blah",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "AssumeInBlah", "Effect": "Allow", "Action": "sts:AssumeRole",
             "Resource": "arn:aws:iam::666666666666:role/*"},
            {"Sid": "NeverForbidden", "Effect": "Deny", "Action": "sts:AssumeRole",
             "Resource": "arn:aws:iam::666666666666:role/Forbidden"},
            {"Sid": "OwnBuckets", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}"#,
    );
    let joe_may = r#"{"Version": "2012-10-17", "Statement": [
        {"Sid": "Joe", "Effect": "Allow", "Action": "sts:AssumeRole",
         "Principal": {"AWS": "arn:aws:iam::111111111111:user/joe.bloggs"}}]}"#;
    let blah = Role::new("BlahRole", joe_may).policy(
        "reports-and-events",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "Buckets", "Effect": "Allow", "Action": ["s3:ListAllMyBuckets", "s3:GetBucketLocation"],
             "Resource": "*"},
            {"Sid": "Reports", "Effect": "Allow",
             "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
             "Resource": ["arn:aws:s3:::blah-reports", "arn:aws:s3:::blah-reports/*"]},
            {"Sid": "Events", "Effect": "Allow", "Action": ["sns:ListTopics", "sns:CreateTopic", "sns:Publish"],
             "Resource": "arn:aws:sns:*:666666666666:*"},
            {"Sid": "Onward", "Effect": "Allow", "Action": "sts:AssumeRole",
             "Resource": "arn:aws:iam::666666666666:role/team/ChainedRole"}]}"#,
    );
    let listing = r#"{"Version": "2012-10-17", "Statement": [
        {"Sid": "Buckets", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
        {"Sid": "Topics", "Effect": "Allow", "Action": "sns:ListTopics", "Resource": "*"}]}"#;
    let partner = Role::new(
        "PartnerRole",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "Partner", "Effect": "Allow", "Action": "sts:AssumeRole",
             "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
             "Condition": {"StringEquals": {"sts:ExternalId": "partner-7421"}}}]}"#,
    )
    .policy("listing", listing);
    let chained = Role::new(
        "ChainedRole",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "Blah", "Effect": "Allow", "Action": "sts:AssumeRole",
             "Principal": {"AWS": "arn:aws:iam::666666666666:role/BlahRole"}}]}"#,
    )
    .path("/team/")
    // Longer than a chained session may last, so that the one-hour cap shows.
    .max_session_seconds(43_200)
    .policy("listing", listing);
    let forbidden = Role::new("Forbidden", joe_may).policy("listing", listing);

    World::new()
        .account(
            Account::new("111111111111")
                .user(joe)
                // Valid and powerless: whoever picks it up by mistake is seen to be someone else.
                .user(User::new("stray"))
                .bucket(
                    "account-a-private",
                    &[("diary.txt", "Nobody of account B reads this.\n")],
                ),
        )
        .account(
            Account::new("666666666666")
                .role(blah)
                .role(partner)
                .role(chained)
                .role(forbidden)
                .bucket(
                    "blah-reports",
                    &[
                        ("2026/q1.csv", "region,revenue\neu,12\nus,30\n"),
                        ("readme.txt", "Reports of account B.\n"),
                    ],
                )
                .topic("blah-events"),
        )
        .profile_for_user("joe", "111111111111", "joe.bloggs")
        .profile_for_user("default", "111111111111", "stray")
        .profile_for_role("blah", "arn:aws:iam::666666666666:role/BlahRole", "joe", None)
        .profile_for_role(
            "partner",
            "arn:aws:iam::666666666666:role/PartnerRole",
            "joe",
            Some("partner-7421"),
        )
        .profile_for_role(
            "chained",
            "arn:aws:iam::666666666666:role/team/ChainedRole",
            "blah",
            None,
        )
}
