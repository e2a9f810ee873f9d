//! Where services are called: AWS's own rules as a table, and what overrides them.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/sentences.rs"]
mod sentences;

use std::path::Path;

use rolecall::chain::{Endpoints, Service, StsEndpoint};
use rolecall::profile::{FileKind, ProfileSet};
use rolecall::{Chain, Error, ErrorKind, Host, Request};

/// What one environment, and one profile named `p`, make of a service in a region.
struct Case {
    config: String,
    host: Host,
    insecure: bool,
}

impl Case {
    fn new(env: &[(&str, &str)], profile: &str) -> Self {
        let host = env
            .iter()
            .fold(Host::builder(), |host, (name, value)| host.env(name, value));
        Self {
            config: format!("[profile p]\n{profile}\n"),
            host: host.build(),
            insecure: false,
        }
    }

    fn locate(&self, service: Service, region: &str) -> Result<(StsEndpoint, Vec<String>), Error> {
        let mut profiles = ProfileSet::default();
        profiles
            .add(FileKind::Config, Path::new("config"), &self.config)
            .unwrap();
        let endpoints = Endpoints {
            profiles: &profiles,
            host: &self.host,
            insecure: self.insecure,
        };
        let mut warnings = Vec::new();
        let region = region.parse().unwrap();
        // Twice: what a person should know is said once.
        endpoints.locate(service, profiles.profile("p"), &region, &mut warnings)?;
        let found = endpoints.locate(service, profiles.profile("p"), &region, &mut warnings)?;
        Ok((found, warnings))
    }

    fn sts(&self) -> Result<(StsEndpoint, Vec<String>), Error> {
        self.locate(Service::Sts, "eu-west-1")
    }
}

fn url(env: &[(&str, &str)], profile: &str) -> Result<String, String> {
    Case::new(env, profile)
        .sts()
        .map(|(endpoint, _)| endpoint.url)
        .map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Config);
            sentences::assert_well_spoken(&error);
            error.to_string()
        })
}

#[test]
fn every_service_partition_fips_and_dual_stack_is_as_awss_rules_have_it() {
    let mut seen = 0;
    for line in include_str!("endpoints.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let fields: Vec<_> = line.split(' ').collect();
        let [service, region, fips, dual_stack, expected, signing] = fields[..] else {
            panic!("{line}")
        };
        let service = Service::ALL
            .into_iter()
            .find(|known| known.section_key() == service)
            .unwrap();
        let profile = format!(
            "use_fips_endpoint = {}\nuse_dualstack_endpoint = {}",
            fips == "fips",
            dual_stack == "dual"
        );
        let (found, warnings) = Case::new(&[], &profile).locate(service, region).unwrap();
        assert_eq!(
            (found.url.as_str(), found.region.as_str()),
            (expected, signing),
            "{line}"
        );
        assert_eq!(warnings, [""; 0]);
        seen += 1;
    }
    assert_eq!(seen, 6 * 15 * 4, "the whole table was read");
}

#[test]
fn a_partitions_name_is_a_region_only_where_there_is_a_global_endpoint() {
    let plain = Case::new(&[], "");
    let (sts, _) = plain.locate(Service::Sts, "aws-global").unwrap();
    assert_eq!(
        (sts.url.as_str(), sts.region.as_str()),
        ("https://sts.amazonaws.com", "us-east-1")
    );
    for (region, host, signing) in [
        ("aws-global", "https://iam.amazonaws.com", "us-east-1"),
        (
            "aws-cn-global",
            "https://iam.cn-north-1.amazonaws.com.cn",
            "cn-north-1",
        ),
        (
            "aws-us-gov-global",
            "https://iam.us-gov.amazonaws.com",
            "us-gov-west-1",
        ),
    ] {
        let (iam, _) = plain.locate(Service::Iam, region).unwrap();
        assert_eq!((iam.url.as_str(), iam.region.as_str()), (host, signing));
    }
    let fips = Case::new(&[("AWS_USE_FIPS_ENDPOINT", "true")], "");
    for (case, service, region, hint) in [
        (&plain, Service::Sts, "aws-cn-global", "cn-northwest-1"),
        (&plain, Service::Sso, "aws-global", "us-east-1"),
        (&plain, Service::Signin, "aws-us-gov-global", "us-gov-west-1"),
        (&fips, Service::Sts, "aws-global", "us-east-1"),
    ] {
        let error = case.locate(service, region).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("`{region}` is a partition's name")),
            "{error}"
        );
        assert!(error.hints()[0].contains(hint), "{:?}", error.hints());
        sentences::assert_well_spoken(&error);
    }
    // With an endpoint of one's own the call is signed for a region that exists.
    let own = Case::new(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")], "");
    for (region, signing) in [
        ("aws-global", "us-east-1"),
        ("aws-cn-global", "cn-northwest-1"),
        ("eu-west-1", "eu-west-1"),
    ] {
        assert_eq!(
            own.locate(Service::Sts, region).unwrap().0.region.as_str(),
            signing
        );
    }
}

#[test]
fn each_service_has_its_own_variable_and_its_own_key() {
    for service in Service::ALL {
        let general = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1/");
        let own = (service.endpoint_variable(), "http://127.0.0.1:2");
        let profile = "endpoint_url = http://127.0.0.1:4\nservices = s";
        let section = format!(
            "\n[services s]\n{} =\n  endpoint_url = http://127.0.0.1:3",
            service.section_key()
        );
        let both = format!("{profile}{section}");
        let ignore = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
        for (env, profile, expected) in [
            (&[general, own] as &[_], both.as_str(), "http://127.0.0.1:2"),
            (&[general], both.as_str(), "http://127.0.0.1:1"),
            (&[], both.as_str(), "http://127.0.0.1:3"),
            (&[], profile, "http://127.0.0.1:4"),
            (&[("AWS_ENDPOINT_URL", " ")], profile, "http://127.0.0.1:4"),
            (&[general, own, ignore], both.as_str(), ""),
        ] {
            let (found, warnings) = Case::new(env, profile).locate(service, "us-east-1").unwrap();
            if expected.is_empty() {
                assert!(
                    found.url.starts_with("https://") && found.url.contains(".a"),
                    "{}",
                    found.url
                );
            } else {
                assert_eq!(found.url, expected, "{service:?} {env:?}");
            }
            assert_eq!(warnings, [""; 0]);
        }
        for other in Service::ALL.into_iter().filter(|other| *other != service) {
            let (found, _) = Case::new(&[own], "").locate(other, "us-east-1").unwrap();
            assert!(
                found.url.starts_with("https://"),
                "{other:?} is not called where {service:?} is"
            );
        }
    }
    let names: Vec<_> = Service::ALL.map(Service::endpoint_variable).to_vec();
    assert_eq!(
        names,
        [
            "AWS_ENDPOINT_URL_IAM",
            "AWS_ENDPOINT_URL_ORGANIZATIONS",
            "AWS_ENDPOINT_URL_SIGNIN",
            "AWS_ENDPOINT_URL_SSO",
            "AWS_ENDPOINT_URL_SSO_OIDC",
            "AWS_ENDPOINT_URL_STS"
        ]
    );
    let ignored = "ignore_configured_endpoint_urls = TRUE\nendpoint_url = http://127.0.0.1:1";
    assert_eq!(url(&[], ignored).unwrap(), "https://sts.eu-west-1.amazonaws.com");
}

#[test]
fn a_switch_is_true_or_false_and_the_variable_wins() {
    for (variable, key, on) in [
        (
            "AWS_USE_FIPS_ENDPOINT",
            "use_fips_endpoint",
            "https://sts-fips.eu-west-1.amazonaws.com",
        ),
        (
            "AWS_USE_DUALSTACK_ENDPOINT",
            "use_dualstack_endpoint",
            "https://sts.eu-west-1.api.aws",
        ),
    ] {
        const OFF: &str = "https://sts.eu-west-1.amazonaws.com";
        for (env, profile, expected) in [
            ("", "", OFF),
            ("true", "", on),
            ("True", "false", on),
            ("false", "true", OFF),
            ("", "TRUE", on),
            (" ", "true", on),
            ("", "false", OFF),
        ] {
            let profile = format!("{key} = {profile}");
            assert_eq!(
                url(&[(variable, env)], &profile).unwrap(),
                expected,
                "{env} {profile}"
            );
        }
        for bad in ["1", "yes", "tru"] {
            let error = url(&[(variable, bad)], "").unwrap_err();
            assert_eq!(
                error,
                format!("${variable}: `{bad}` is neither `true` nor `false`")
            );
            let error = url(&[], &format!("{key} = {bad}")).unwrap_err();
            assert_eq!(error, format!("config:2: `{bad}` is neither `true` nor `false`"));
        }
    }
    assert!(url(&[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "1")], "").is_err());
}

#[test]
fn an_endpoint_of_ones_own_excludes_fips_and_dual_stack() {
    let own = ("AWS_ENDPOINT_URL_STS", "https://sts.example");
    assert_eq!(
        url(&[own], "use_fips_endpoint = true").unwrap_err(),
        "STS cannot have both the endpoint `https://sts.example` ($AWS_ENDPOINT_URL_STS) and a FIPS one (config:2)"
    );
    assert_eq!(
        url(
            &[("AWS_USE_DUALSTACK_ENDPOINT", "true")],
            "endpoint_url = https://sts.example"
        )
        .unwrap_err(),
        "STS cannot have both the endpoint `https://sts.example` (config:2) and a dual-stack one ($AWS_USE_DUALSTACK_ENDPOINT)"
    );
    let ignoring = [
        own,
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
    ];
    assert_eq!(
        url(&ignoring, "").unwrap(),
        "https://sts-fips.eu-west-1.amazonaws.com"
    );
    assert!(url(&[own, ("AWS_USE_FIPS_ENDPOINT", "false")], "").is_ok());
}

#[test]
fn legacy_stays_in_the_region_and_says_what_botocore_would_do() {
    let legacy = [("AWS_STS_REGIONAL_ENDPOINTS", "legacy")];
    for (env, profile, region, warned) in [
        (&legacy[..], "", "eu-west-1", true),
        (&[], "sts_regional_endpoints = LEGACY", "us-east-1", true),
        (&legacy, "sts_regional_endpoints = regional", "eu-west-1", true),
        (
            &[("AWS_STS_REGIONAL_ENDPOINTS", "regional")],
            "sts_regional_endpoints = legacy",
            "eu-west-1",
            false,
        ),
        // Not one of the regions the rule is about: botocore calls the regional endpoint as well.
        (&legacy, "", "eu-south-1", false),
        (&legacy, "", "cn-north-1", false),
        (&legacy, "", "aws-global", false),
        (&legacy, "use_fips_endpoint = true", "eu-west-1", false),
        (&legacy, "endpoint_url = http://127.0.0.1:1", "eu-west-1", false),
    ] {
        let (found, warnings) = Case::new(env, profile).locate(Service::Sts, region).unwrap();
        assert_eq!(
            warnings.len(),
            usize::from(warned),
            "{profile} {region}: {warnings:?}"
        );
        assert_eq!(found.url == "https://sts.amazonaws.com", region == "aws-global");
        if warned {
            assert!(
                warnings[0].contains("https://sts.amazonaws.com, signed for us-east-1"),
                "{warnings:?}"
            );
        }
    }
    let (_, warnings) = Case::new(&legacy, "").locate(Service::Sso, "eu-west-1").unwrap();
    assert_eq!(warnings, [""; 0], "the setting is about STS");
    assert_eq!(
        url(&[("AWS_STS_REGIONAL_ENDPOINTS", "global")], "").unwrap_err(),
        "$AWS_STS_REGIONAL_ENDPOINTS: `global` is neither `regional` nor `legacy`"
    );
}

#[test]
fn plain_http_stays_on_this_machine_unless_the_caller_insists() {
    for good in [
        "http://127.0.0.1:4566",
        "http://127.8.9.1",
        "http://[::1]:4566",
        "https://anything.example",
    ] {
        assert!(url(&[("AWS_ENDPOINT_URL", good)], "").is_ok(), "{good}");
    }
    for bad in [
        "http://sts.example",
        "http://localhost:4566",
        "http://0.0.0.0:1",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "ftp://127.0.0.1",
        "127.0.0.1:4566",
        "nonsense",
        "https://a.example/?x=1",
        "https://a b",
    ] {
        assert!(url(&[("AWS_ENDPOINT_URL", bad)], "").is_err(), "{bad}");
        let insisting = Case {
            insecure: true,
            ..Case::new(&[("AWS_ENDPOINT_URL", bad)], "")
        };
        let is_plain_http = ["http://sts", "http://localhost", "http://0", "http://127.0.0.1."]
            .iter()
            .any(|begin| bad.starts_with(begin));
        assert_eq!(insisting.sts().is_ok(), is_plain_http, "{bad}");
        if let Ok((_, warnings)) = insisting.sts() {
            assert_eq!(warnings.len(), 1);
            assert!(
                warnings[0].ends_with("over plain http: the credentials can be read on the way"),
                "{warnings:?}"
            );
        }
    }
}

#[test]
fn a_host_that_is_not_awss_is_warned_of() {
    for (endpoint, warned) in [
        ("https://sts.eu-west-1.amazonaws.com", false),
        ("https://vpce-1.sts.eu-west-1.vpce.amazonaws.com", false),
        ("https://sts.eu-west-1.api.aws", false),
        ("https://127.0.0.1:1", false),
        ("https://localhost:1", false),
        ("http://127.0.0.1:1", false),
        ("https://sts.amazonaws.com.evil.example", true),
        ("https://10.0.0.1", true),
    ] {
        let (_, warnings) = Case::new(&[("AWS_ENDPOINT_URL", endpoint)], "").sts().unwrap();
        assert_eq!(warnings.len(), usize::from(warned), "{endpoint}");
        if warned {
            let begin = format!("STS is called at {endpoint} ($AWS_ENDPOINT_URL), which is no host of AWS");
            assert!(warnings[0].starts_with(&begin), "{warnings:?}");
        }
    }
}

#[test]
fn a_url_that_is_refused_is_quoted_without_its_secrets() {
    for (bad, shown) in [
        ("https://u:CANARY@h", "`https://***@h` ($AWS_ENDPOINT_URL)"),
        ("https://u:CAN/ARY@h", "`https://***@h`"),
        ("u:CANARY@h", "`***@h`"),
        ("ftp://h?key=CANARY", "`ftp://h?…`"),
    ] {
        let error = url(&[("AWS_ENDPOINT_URL", bad)], "").unwrap_err();
        assert!(
            error.starts_with(shown) && !error.contains("CAN") && !error.contains("ARY"),
            "{error}"
        );
        let clash = url(
            &[("AWS_ENDPOINT_URL", bad), ("AWS_USE_FIPS_ENDPOINT", "true")],
            "",
        )
        .unwrap_err();
        assert!(!clash.contains("CAN") && !clash.contains("ARY"), "{clash}");
    }
}

#[test]
fn a_ca_bundle_is_the_variables_then_the_profiles_and_no_part_of_a_session() {
    let bundle = |env: &[(&str, &str)], profile: &str| {
        let (found, _) = Case::new(env, profile).sts().unwrap();
        found
            .ca_bundle
            .map(|bundle| format!("{} ({})", bundle.value.display(), bundle.origin))
    };
    assert_eq!(bundle(&[], ""), None);
    assert_eq!(bundle(&[], "ca_bundle = /p.pem").unwrap(), "/p.pem (config:2)");
    assert_eq!(
        bundle(&[("AWS_CA_BUNDLE", "/v.pem")], "ca_bundle = /p.pem").unwrap(),
        "/v.pem ($AWS_CA_BUNDLE)"
    );
    assert_eq!(bundle(&[("AWS_CA_BUNDLE", "")], "ca_bundle =").as_deref(), None);

    let key = |ca_bundle: &str| {
        let mut profiles = ProfileSet::default();
        let text = format!(
            "[profile blah]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\nregion = eu-west-1\n{ca_bundle}\n[profile joe]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {}",
            sentences::EXAMPLE_SECRET
        );
        profiles
            .add(FileKind::Config, Path::new("config"), &text)
            .unwrap();
        let request = Request {
            target: Some("blah".to_owned()),
            ..Request::default()
        };
        let host = Host::builder().login_name("joe.bloggs").build();
        let chain = Chain::resolve(&profiles, &host, &request).unwrap();
        (chain.session_key(), chain.roles[0].sts.ca_bundle.is_some())
    };
    let ((without, none), (with, some)) = (key(""), key("ca_bundle = /p.pem"));
    assert!(!none && some);
    assert_eq!(
        without, with,
        "who vouches for the server does not make another session"
    );
}
