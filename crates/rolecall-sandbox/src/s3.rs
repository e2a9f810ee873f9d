//! A little of S3, path style ("Amazon S3 API Reference").

mod list;

use http::Method;
use percent_encoding::percent_decode_str;
use rolecall::AccountId;

use crate::api::{Answer, Incoming, Refusal, escaped};
use crate::authz::{self, Wish};
use crate::call::Call;
use crate::clock;
use crate::sigv4;
use crate::state::{Bucket, Object, State};

/// Bucket and key of a path.
fn target(path: &str) -> (String, String) {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    (decoded(bucket), decoded(key))
}

/// Parameters of the query that are no sub-resource, and so another operation.
const PLAIN: [&str; 13] = [
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "list-type",
    "location",
    "marker",
    "max-buckets",
    "max-keys",
    "prefix",
    "start-after",
    "x-id",
    "bucket-region",
];

/// The operation a request means.
pub(crate) fn operation(incoming: &Incoming) -> &'static str {
    let (bucket, key) = target(&incoming.path);
    let other = incoming.query.iter().any(|(name, _)| {
        !PLAIN.contains(&name.as_str()) && !name.starts_with("response-") && !sigv4::is_parameter(name)
    });
    if other || incoming.headers.contains_key("x-amz-copy-source") {
        return "Unsupported";
    }
    match (&incoming.method, bucket.is_empty(), key.is_empty()) {
        (&Method::GET, true, _) => "ListBuckets",
        (&Method::GET, false, true) if incoming.query("location").is_some() => "GetBucketLocation",
        (&Method::GET, false, true) if incoming.query("list-type") == Some("2") => "ListObjectsV2",
        (&Method::GET, false, true) => "ListObjects",
        (&Method::HEAD, false, true) => "HeadBucket",
        (&Method::PUT, false, true) => "CreateBucket",
        (&Method::DELETE, false, true) => "DeleteBucket",
        (&Method::GET, false, false) => "GetObject",
        (&Method::HEAD, false, false) => "HeadObject",
        (&Method::PUT, false, false) => "PutObject",
        (&Method::DELETE, false, false) => "DeleteObject",
        _ => "Unsupported",
    }
}

pub(crate) fn answer(operation: &str, call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let (bucket, key) = target(&call.incoming.path);
    if key.len() > 1024 {
        return Err(Refusal::new(400, "KeyTooLongError", "Your key is too long"));
    }
    match operation {
        "ListBuckets" => list_buckets(call, state),
        "CreateBucket" => create_bucket(call, state, &bucket),
        "GetBucketLocation" => {
            check(call, state, "s3:GetBucketLocation", &bucket, "", |_| {})?;
            Ok(xml("LocationConstraint", ""))
        }
        "HeadBucket" => {
            check(call, state, "s3:ListBucket", &bucket, "", |_| {})?;
            Ok(Answer::empty(200).header("x-amz-bucket-region", call.verified.region.as_str()))
        }
        "DeleteBucket" => {
            check(call, state, "s3:DeleteBucket", &bucket, "", |_| {})?;
            if state
                .buckets
                .get(&bucket)
                .is_some_and(|found| !found.objects.is_empty())
            {
                return Err(Refusal::new(
                    409,
                    "BucketNotEmpty",
                    "The bucket you tried to delete is not empty",
                )
                .with("BucketName", bucket));
            }
            state.buckets.remove(&bucket);
            Ok(Answer::empty(204))
        }
        "ListObjects" | "ListObjectsV2" => {
            let prefix = call.incoming.query("prefix").unwrap_or_default();
            let found = check(call, state, "s3:ListBucket", &bucket, "", |context| {
                context.set("s3:prefix", prefix);
                if let Some(delimiter) = call.incoming.query("delimiter") {
                    context.set("s3:delimiter", delimiter);
                }
            })?;
            list::objects(call.incoming, &bucket, found)
        }
        "GetObject" | "HeadObject" => get_object(call, state, &bucket, &key),
        "PutObject" => put_object(call, state, &bucket, &key),
        "DeleteObject" => {
            check(call, state, "s3:DeleteObject", &bucket, &key, |_| {})?;
            if let Some(found) = state.buckets.get_mut(&bucket) {
                found.objects.remove(&key);
            }
            Ok(Answer::empty(204))
        }
        _ => Err(Refusal::new(
            501,
            "NotImplemented",
            "A header or query parameter you provided implies functionality that is not implemented.",
        )),
    }
}

fn xml(element: &str, content: &str) -> Answer {
    Answer::xml(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <{element} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{content}</{element}>"
    ))
}

fn arn(bucket: &str, key: &str) -> String {
    if key.is_empty() {
        format!("arn:aws:s3:::{bucket}")
    } else {
        format!("arn:aws:s3:::{bucket}/{key}")
    }
}

fn wish_for<'a>(action: &'a str, resource: &'a str, owner: AccountId) -> Wish<'a> {
    Wish {
        action,
        resource,
        owner,
        trust: None,
    }
}

/// The bucket, if it is there and the caller may do `action` to it or to its object.
fn check<'a>(
    call: &Call<'_>,
    state: &'a State,
    action: &str,
    bucket: &str,
    key: &str,
    more: impl FnOnce(&mut rolecall::policy::Context),
) -> Result<&'a Bucket, Refusal> {
    let found = state.buckets.get(bucket).ok_or_else(|| {
        Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", bucket)
    })?;
    let mut context = call.context(state);
    authz::set_owner(&mut context, state, found.owner);
    more(&mut context);
    let resource = arn(bucket, key);
    let wish = wish_for(action, &resource, found.owner);
    call.authorize(state, &wish, &context)?;
    Ok(found)
}

/// The condition keys of what is about no bucket that is there, and so about the caller's own account.
fn own_context(call: &Call<'_>, state: &State) -> rolecall::policy::Context {
    let mut context = call.context(state);
    authz::set_owner(&mut context, state, call.verified.caller.account);
    context
}

fn list_buckets(call: &Call<'_>, state: &State) -> Result<Answer, Refusal> {
    let account = call.verified.caller.account;
    let wish = wish_for("s3:ListAllMyBuckets", "arn:aws:s3:::*", account);
    call.authorize(state, &wish, &own_context(call, state))?;
    let prefix = call.incoming.query("prefix").unwrap_or_default();
    let buckets: String = state
        .buckets
        .iter()
        .filter(|(name, bucket)| bucket.owner == account && name.starts_with(prefix))
        .map(|(name, bucket)| {
            let created = clock::iso8601(bucket.created);
            format!("<Bucket><Name>{name}</Name><CreationDate>{created}</CreationDate></Bucket>")
        })
        .collect();
    Ok(xml(
        "ListAllMyBucketsResult",
        &format!("<Owner><ID>{account}</ID></Owner><Buckets>{buckets}</Buckets>"),
    ))
}

fn create_bucket(call: &Call<'_>, state: &mut State, name: &str) -> Result<Answer, Refusal> {
    let account = call.verified.caller.account;
    // "Bucket naming rules".
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let good = (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
        && edge(name.as_bytes().first())
        && edge(name.as_bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if !good {
        return Err(
            Refusal::new(400, "InvalidBucketName", "The specified bucket is not valid.")
                .with("BucketName", name),
        );
    }
    let resource = arn(name, "");
    let wish = wish_for("s3:CreateBucket", &resource, account);
    call.authorize(state, &wish, &own_context(call, state))?;
    if let Some(bucket) = state.buckets.get(name) {
        let (code, message) = if bucket.owner != account {
            (
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                 system. Please select a different name and try again.",
            )
        } else {
            (
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
            )
        };
        // In us-east-1, making one's own bucket again succeeds ("CreateBucket").
        if bucket.owner != account || call.verified.region != "us-east-1" {
            return Err(Refusal::new(409, code, message).with("BucketName", name));
        }
    } else {
        let bucket = Bucket {
            owner: account,
            created: clock::now(),
            objects: std::collections::BTreeMap::new(),
        };
        state.buckets.insert(name.to_owned(), bucket);
    }
    Ok(Answer::empty(200).header("location", format!("/{name}")))
}

fn get_object(call: &Call<'_>, state: &State, bucket: &str, key: &str) -> Result<Answer, Refusal> {
    let found = check(call, state, "s3:GetObject", bucket, key, |_| {})?;
    let Some(object) = found.objects.get(key) else {
        // Who may not list must not learn what is there ("GetObject", permissions).
        check(call, state, "s3:ListBucket", bucket, "", |_| {})?;
        return Err(Refusal::new(404, "NoSuchKey", "The specified key does not exist.").with("Key", key));
    };
    let mut answer = Answer::empty(200)
        .header("content-type", header_text(&object.content_type))
        .header("etag", object.etag.as_str())
        .header("accept-ranges", "bytes")
        .header("last-modified", clock::http_date(object.modified));
    answer.body = object.body.to_vec();
    answer.metadata.clone_from(&object.metadata);
    Ok(answer)
}

fn header_text(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn put_object(call: &Call<'_>, state: &mut State, bucket: &str, key: &str) -> Result<Answer, Refusal> {
    check(call, state, "s3:PutObject", bucket, key, |_| {})?;
    let content_type = call
        .incoming
        .header("content-type")
        .unwrap_or("binary/octet-stream");
    let mut object = Object::new(call.incoming.body.clone(), content_type);
    object.metadata = call
        .incoming
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-amz-meta-"))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let etag = object.etag.clone();
    if let Some(found) = state.buckets.get_mut(bucket) {
        found.objects.insert(key.to_owned(), object);
    }
    Ok(Answer::empty(200).header("etag", etag))
}

/// A key in a listing, percent-encoded where that was asked for.
fn listed(text: &str, url: bool) -> String {
    if url {
        const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~')
            .remove(b'/');
        percent_encoding::utf8_percent_encode(text, KEPT).to_string()
    } else {
        escaped(text)
    }
}
