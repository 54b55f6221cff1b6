//! `/plots`: the list, the pictures, and their revalidation.

use serde_json::json;

use crate::Site;

#[tokio::test]
async fn plots_are_listed_and_drawn() {
    let site = Site::new();
    let list = site.client.get("/plots").await.assert_status(200).json();
    assert_eq!(list, json!([{ "name": "ages", "title": "y over a", "kind": "scatter", "url": "/plots/ages.svg" }]));

    let light = site.client.get("/plots/ages.svg").await.assert_status(200);
    assert_eq!(light.header("content-type"), Some("image/svg+xml"));
    assert_eq!(light.header("cache-control"), Some("no-cache"));
    assert!(light.text().contains("<svg") && light.text().contains("y over a"), "{}", light.text());
    let dark = site.client.get("/plots/ages.svg?theme=dark").await.assert_status(200);
    assert_ne!(light.bytes(), dark.bytes());
    assert_ne!(light.header("etag"), dark.header("etag"));

    let etag = light.header("etag").expect("an etag");
    let known = site.client.get("/plots/ages.svg").header("if-none-match", etag).await.assert_status(304);
    assert!(known.bytes().is_empty());
    assert_eq!(known.header("etag"), Some(etag));
    let _ = site.client.get("/plots/ages.svg?theme=dark").header("if-none-match", etag).await.assert_status(200);

    // What the script of the page takes instead: the same picture with what it needs.
    let interactive = site.client.get("/plots/ages.svg?theme=dark&interactive=true").await.assert_status(200);
    assert!(interactive.text().contains("data-x=") && !dark.text().contains("data-x="), "{}", interactive.text());
    let page = site.client.get("/admin/plots/ages").browser().await.assert_status(200).text();
    assert!(page.contains("data-plot=\"") && page.contains("<img src="), "{page}");
    let scripts: Vec<&str> = page.split("<script src=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(scripts.len(), 3, "{scripts:?}");
    for script in scripts {
        let served = site.client.get(&script.replace("&#x2f;", "/")).await.assert_status(200);
        assert!(served.header("content-type").is_some_and(|kind| kind.contains("javascript")), "{script}");
    }

    for (path, status, message) in [
        ("/plots/age.svg", 404, "no plot 'age'"),
        ("/plots/ages.png", 404, "no plot file 'ages.png'"),
        ("/plots/ages.svg?interactive=1", 400, "interactive is true or false, not '1'"),
        ("/plots/ages.svg?theme=blue", 400, "no theme 'blue': theme is light or dark"),
    ] {
        assert_eq!(site.client.get(path).await.assert_status(status).json()["message"], message, "{path}");
    }
}
