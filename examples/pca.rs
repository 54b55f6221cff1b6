//! Draws iris in its two principal components.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let (path, picture): (String, String) = (argument(1, "examples/demo/iris.csv")?, argument(2, "pca.svg")?);
    let iris = read_csv(path)?.collect()?;
    let x = iris.matrix(&["sepal_length", "sepal_width", "petal_length", "petal_width"])?;
    let pca = Pca::new().n_components(Components::Count(2)).fit(x.view())?.transform(x.view())?;
    let chart = Chart::new(PlotKind::Scatter)
        .x("PCA Component 1", PlotData::Numbers(pca.column(0).to_vec()))
        .y("PCA Component 2", PlotData::Numbers(pca.column(1).to_vec()))
        .color("species", iris.column("species")?.into())
        .title("PCA on Iris Dataset");
    std::fs::write(picture, chart.to_svg()?)?;
    Ok(())
}
