internal import Base
internal import JSON
internal import Mining
internal import Records
internal import Reports
internal import Store

extension DatasetReport {
    /// The report as HTML. Texts of the dataset are escaped, and stand apart from the text around them.
    var page: String {
        let badge = plan.isSample ? ": the sample" : ""
        var page = Page(
            title: "\(recipe.name)\(badge)", heading: recipe.title + badge,
            introduction: """
                <p><code>\(html(recipe.name))</code> · licence \(html(recipe.licence)). Made by the recipe \
                <code>datasets/\(html(recipe.name))/recipe.yaml</code>; what the columns mean and \
                what is changed is in <code>README.md</code> beside it.</p>\(tiles)
                """)
        var pictures = Pictures(versions.first?.dataset)
        if let stop = lock.json["stop"]?.string { page.add("Where it ends", "<p>\(html(stop))</p>") }
        if let evaluation { page.add("How well the retriever finds", evaluation) }
        page.add("Versions", versionTable)
        page.add("Size", sizeBars)
        page.add("What the conversion counted", Page.table(header: ["what", "count"], rows: Self.rows(conversion)))
        if let filter { page.add("Queries kept and dropped", self.filter(filter, &pictures)) }
        if let negatives { page.add("Negatives", self.negatives(negatives, &pictures)) }
        page.add("How it was made", making)
        return page.text
    }

    private var tiles: String {
        guard let first = versions.first, let last = lastVersion else { return "" }
        var tiles = [
            (grouped(first.dataset.documentCount), "documents"), (grouped(first.dataset.queryCount), "queries"),
        ]
        if first.dataset.mediaCount > 0 {
            tiles.append((grouped(first.dataset.mediaCount), "images, videos and sounds"))
        }
        if let filter {
            tiles.append((percent(filter.keptCount, of: filter.queryCount), "of the queries kept"))
        }
        if let negatives { tiles.append((grouped(negatives.linkCount), "hard negatives")) }
        // Of a small set, as a sample is, the indexes weigh more than what they save.
        if let inline = last.inline, inline.total > last.storedBytes {
            tiles.append(
                (decimal(Double(inline.total) / Double(last.storedBytes), digits: 1) + " ×", "smaller than inline v1"))
        }
        return Page.tiles(tiles)
    }

    private var versionTable: String {
        Page.table(
            header: ["version", "documents", "queries", "positives", "negatives", "judgements", "media"],
            rows: versions.map {
                [
                    "<code>\(html($0.reference))</code>", grouped($0.dataset.documentCount),
                    grouped($0.dataset.queryCount), grouped($0.positiveCount), grouped($0.negativeCount),
                    grouped($0.judgementCount), grouped($0.dataset.mediaCount),
                ]
            })
    }

    private var sizeBars: String {
        if let inlineObstacle {
            return "<p>A version of this dataset has no form in v1: \(html(inlineObstacle))</p>"
                + Page.table(
                    header: ["version", "stored"],
                    rows: versions.map { [html($0.reference), byteSize($0.storedBytes)] })
        }
        let bars = versions.flatMap { version in
            let inline = version.inline?.total ?? 0
            return [
                Bars.Bar(
                    label: version.reference + ", inline v1", value: Double(inline), text: byteSize(inline),
                    kind: "before"),
                Bars.Bar(
                    label: "in the store", value: Double(version.storedBytes),
                    text: byteSize(version.storedBytes)),
            ]
        }
        let hasMedia = versions.contains { ($0.inline?.mediaBytes ?? 0) > 0 }
        return Bars(bars, name: "sizes of the versions", rowHeight: 26).svg
            + "<p><small>In the store: all blobs that the version names: records, indexes, links"
            + (hasMedia ? ", media" : "") + "; versions of one dataset share most of them. "
            + "Inline v1: what <code>tvt-convert v2-to-v1</code> would write, each passage again in every row that uses it"
            + (hasMedia
                ? ", and the bytes of each image, video and sound once for every time that a row names it, as they are (base64 would add a third): "
                    + "\(byteSize(lastVersion?.inline?.mediaBytes ?? 0)) of it are media." : ".")
            + " Judgements have no place there.</small></p>"
    }

    /// Numbers of a report by name, those of nested objects too.
    private static func rows(_ counts: JSONObject, zeros: Bool = true) -> [[String]] {
        var rows: [[String]] = []
        func collect(_ value: JSONValue, _ name: String) {
            if let object = value.object {
                for (key, value) in object { collect(value, name.isEmpty ? key : "\(name), \(key)") }
            } else if let number = value.integer {
                guard zeros || number != 0 else { return }
                rows.append([html(words(name)), grouped(number)])
            } else if let text = value.string {
                rows.append([html(words(name)), html(text)])
            } else if let texts = value.array?.compactMap(\.string), !texts.isEmpty {
                let more = texts.count > 5 ? ", and \(texts.count - 5) more" : ""
                rows.append([html(words(name)), html(texts.prefix(5).joined(separator: ", ")) + more])
            }
        }
        collect(.object(counts), "")
        return rows
    }

    /// `duplicatesMerged` and `duplicates_merged` as `duplicates merged`.
    private static func words(_ name: String) -> String {
        var text = ""
        for character in name {
            if character.isUppercase {
                text += " " + character.lowercased()
            } else {
                text.append(character == "_" ? " " : character)
            }
        }
        return text
    }

    // MARK: Queries

    private func filter(_ filter: FilterExamples, _ pictures: inout Pictures) -> String {
        var body = Page.table(
            header: ["outcome", "queries", "share"],
            rows: filter.groups.filter { $0.count > 0 || $0.key == "kept" }.map {
                [html($0.label), grouped($0.count), percent($0.count, of: filter.queryCount)]
            })
        let encoding = lock.json["vectors"]?["corpus"]?["encoding"]
        if let textSide = encoding?["text_side"]?.string {
            let leftOut = encoding?["left_out"]?.integer ?? 0
            body +=
                "<p>Documents were encoded by the texts of the field <code>\(html(textSide))</code> of the queries that "
                + "link to them, not by what they show"
                + (leftOut > 0 ? "; \(grouped(leftOut)) without such a text could not be found.</p>" : ".</p>")
        }
        body += encodingNotes
        body +=
            "<h3>Rank of the best positive</h3>"
            + Self.histogram(filter.bestRanks, "rank of the best positive", Self.rankLabel)
        for group in filter.groups where !group.examples.isEmpty {
            let shown =
                group.examples.count == group.count
                ? "all \(group.count)" : "\(group.examples.count) of \(grouped(group.count)), drawn by seed"
            body += "<details\(group.key == "kept" ? "" : " open")><summary>\(html(group.label)) (\(shown))</summary>"
            for example in group.examples {
                body += "<div class=\"example\">" + pictures.show(example.query, tag: "query")
                if let positive = example.positive {
                    body += pictures.show(positive, tag: example.rank.map { "positive, rank \($0)" } ?? "positive")
                }
                if let top = example.top { body += pictures.show(top, tag: "rank 1") }
                body += "</div>"
            }
            body += "</details>"
        }
        return body
    }

    /// What was decided of documents with media, and what could not be encoded.
    private var encodingNotes: String {
        var text = documentNote
        text += Self.leftOut(of: lock.json["vectors"], "")
        return text
    }

    private func negatives(_ negatives: MinedNegatives, _ pictures: inout Pictures) -> String {
        var body =
            "<h3>Rank in the run</h3>" + Self.histogram(negatives.ranks, "ranks of the negatives", Self.rankLabel)
        body +=
            "<h3>Score</h3>"
            + Self.histogram(negatives.scores, "scores of the negatives") {
                decimal($0.first, digits: 3) + " – " + decimal($0.last, digits: 3)
            }
        if negatives.unrankedCount > 0 {
            body +=
                "<p>\(grouped(negatives.unrankedCount)) of \(grouped(negatives.linkCount)) were drawn from the corpus: their "
                + "query's ranking does not list them.</p>"
        }
        body +=
            "<h3>Counts that are not 0</h3>"
            + Page.table(header: ["what", "count"], rows: Self.rows(negativesCounts, zeros: false))
        body += "<h3>Queries as they will be trained on</h3>"
        for example in minedExamples {
            body += "<div class=\"example\">" + pictures.show(example.query, tag: "query")
            for positive in example.positives { body += pictures.show(positive, tag: "positive") }
            for negative in example.negatives { body += pictures.show(negative, tag: "negative") }
            body += "</div>"
        }
        return body + "<p><small>Drawn by seed, not chosen.</small></p>"
    }

    private static func rankLabel(_ bar: Histogram.Bar) -> String {
        bar.first == bar.last ? "\(Int(bar.first))" : "\(Int(bar.first))–\(Int(bar.last))"
    }

    private static func histogram(
        _ histogram: Histogram, _ name: String, _ label: (Histogram.Bar) -> String
    ) -> String {
        guard !histogram.bars.isEmpty else { return "<p>none</p>" }
        return Bars(
            histogram.bars.map { Bars.Bar(label: label($0), value: Double($0.count), text: grouped($0.count)) },
            name: name, rowHeight: 22
        ).svg
    }

    // MARK: Making

    private var making: String {
        let commands = (lock.json["stages"]?.array ?? []).map { stage in
            shellQuoted(stage["command"]?.array?.compactMap(\.string) ?? [])
        }.joined(separator: "\n")
        var body = "<pre>\(html(commands))</pre>"
        var rows = versions.map {
            [
                "<code>\(html($0.reference))</code>",
                "<code>\(html($0.dataset.manifest.logicalDigest.description))</code>",
            ]
        }
        if let inputs = lock.json["inputs"], let digest = inputs["digest"]?.string {
            let size = byteSize(inputs["bytes"]?.double ?? 0)
            rows.append([
                "\(grouped(inputs["files"]?.integer ?? 0)) raw files, \(size)", "<code>\(html(digest))</code>",
            ])
        }
        let vectors = lock.json["vectors"] ?? lock.json["evaluation"]?["vectors"]
        if let card = vectors?["corpus"]?["modelCard"]?.string {
            rows.append(["retriever", "<code>\(html(card))</code>"])
        }
        body += Page.table(header: ["what", "digest (of versions: logical)"], rows: rows)
        if let encoding = recipe.encoding { body += "<p>The recipe wants \(html(encoding.retriever)).</p>" }
        return body + "<h3>Citation</h3><pre>\(html(recipe.citation))</pre>"
    }
}

/// Shows records, with their images where these are small, up to a bound for the whole page.
private struct Pictures {
    private let dataset: Dataset?
    private var bytesLeft = 3 << 20
    private static let largestBytes = 160 << 10

    init(_ dataset: Dataset?) { self.dataset = dataset }

    mutating func show(_ excerpt: Excerpt, tag: String) -> String {
        var text = "<p><span class=\"tag\">\(html(tag))</span><bdi>\(html(excerpt.text))</bdi> "
        text += "<small><bdi>\(html(excerpt.id))</bdi></small></p>"
        for item in excerpt.media {
            text += picture(item) ?? "<p><small><bdi>\(html(item.description))</bdi></small></p>"
        }
        return text
    }

    /// Nil for what is no small image, and for damaged ones, which `tvt-store verify` is for.
    private mutating func picture(_ item: Excerpt.Media) -> String? {
        guard let format = item.format, [.jpeg, .png, .gif, .webp].contains(format), let digest = item.digest,
            item.size <= min(bytesLeft, Self.largestBytes),
            let data = try? dataset?.withMedia(digest, { base64($0) })
        else { return nil }
        bytesLeft -= item.size
        return "<img alt=\"\(html(item.description))\" src=\"data:image/\(format.rawValue);base64,\(data)\">"
    }
}
