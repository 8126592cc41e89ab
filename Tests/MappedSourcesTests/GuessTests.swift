import Base
import JSON
import MappedSources
import Store
import StoreFormat
import SystemPackage
import TestKit
import Testing

/// What columns mean is guessed by what people call them, and shown as the command that says so.
@Suite struct GuessTests {
    /// The shapes of training data that sentence-transformers, Tevatron, BGE and MS MARCO use.
    @Test(arguments: [
        ("triplets", "--query anchor --positive positive --negative negative"),
        ("many-negatives", "--query query --positive positive --negative 'negative_*'"),
        ("pair-score", "--query sentence1 --positive sentence2 --label score --label-above X"),
        ("pair-class", "--query query --positive passage --label label"),
        ("query-answer", "--query query --positive answer"),
        ("listwise", "--query query --positive docs --label labels"),
        ("structure-of-lists", "--query query --positive passages --label passages.is_selected"),
        (
            "list-of-structures",
            "--query query --query-id query_id --positive positive_passages --negative negative_passages"
        ),
        (
            "scores",
            "--query query --positive pos --positive-score pos_scores --negative neg --negative-score neg_scores"
        ),
        ("images", "--query question --positive photo"),
    ])
    func shapesOfTrainingDataAreKnown(name: String, arguments: String) throws {
        let place = try MappedPlace.withGoldenTables()
        let file = place("formats/shapes/\(name).parquet")
        let plan = try RowPlan([file], RowOptions())
        #expect(plan.command(dataset: "set") == "tvt-convert rows \(file) \(arguments) --dataset set")
        #expect(plan.isComplete)
        let (dataset, _) = try place.take([file], plan.options)
        #expect(dataset.queryCount > 0 && dataset.documentCount > 0)
    }

    @Test func structuresGiveIdsAndTitles() throws {
        let place = try MappedPlace.withGoldenTables()
        let plan = try RowPlan([place("formats/shapes/list-of-structures.parquet")], RowOptions())
        let (dataset, _) = try place.take([place("formats/shapes/list-of-structures.parquet")], plan.options)
        #expect(String(decoding: try dataset.documentID(0), as: UTF8.self) == "P0")
        #expect(try place.document(dataset, 0)["title"]?.string == "t0")
        #expect(try place.document(dataset, 1)["title"] == nil)
        #expect(try place.texts(dataset, dataset.negatives)["a0"] == ["n0.0", "n0.1"])
    }

    @Test func structuresOfListsAreReadInStep() throws {
        let place = try MappedPlace.withGoldenTables()
        let file = place("formats/shapes/structure-of-lists.parquet")
        let (dataset, _) = try place.take([file], try RowPlan([file], RowOptions()).options)
        #expect(try place.texts(dataset, dataset.positives)["a2"] == ["d2.1"])
        #expect(try place.texts(dataset, dataset.negatives)["a2"] == ["d2.0"])
    }

    @Test func imagesAreTakenFromBytesAndFromStructures() throws {
        let place = try MappedPlace.withGoldenTables()
        for name in ["images", "image-bytes"] {
            let file = place("formats/shapes/\(name).parquet")
            let (dataset, report) = try place.take([file], try RowPlan([file], RowOptions()).options)
            #expect(dataset.documentCount == 3 && dataset.mediaCount == 3)
            #expect(report.mediaItemCount == 3)
            // The id is the image's digest: equal images are one document.
            let digest = try #require(try place.document(dataset, 0)["document_image"]?["digest"]?.string)
            #expect(digest.hasSuffix(String(decoding: try dataset.documentID(0), as: UTF8.self)))
        }
    }

    @Test func twoColumnsOfTextsAreAQueryAndItsAnswer() throws {
        let place = try MappedPlace()
        try place.write(["Frage,Antwort,Nr", "was,das,1", "wer,der,2"], to: "a.csv")
        let plan = try RowPlan([place("a.csv")], RowOptions())
        #expect(plan.options.query == ["Frage"] && plan.options.positives.texts == ["Antwort"])
        #expect(plan.reasons.contains { $0.contains("the first of two columns of texts") })
    }

    /// What a guess would turn round or drop is not done with --yes, and the command that is shown asks for it.
    @Test(arguments: [
        // No header: the first pair, the first document.
        (
            ["who built the ark\tNoah", "who was swallowed\tJonah"], "tsv", "the first row may be data",
            "--columns query passage"
        ),
        (["1\t2\t3", "1\t5\t6"], "tsv", "the first row may be data", "--columns column-1 column-2 column-3"),
        // Natural language inference: 0 is entailment.
        (
            ["premise,hypothesis,label", "a b,c d,0", "e f,g h,1", "i j,k l,2"], "csv", "premise and hypothesis",
            "--label-above X"
        ),
        (["premise,hypothesis,gold_label", "a b,c d,entailment"], "csv", "premise and hypothesis", "--label"),
        (
            ["sentence1,sentence2,score", "a,b,0.1", "c,d,0.9"], "csv", "from 0.1 to 0.9",
            "--label score --label-above X"
        ),
        (["sentence1,sentence2,score", "a,b,1", "c,d,5"], "csv", "from 1 to 5", "--label score --label-above X"),
        (["question,passage,label", "q,p,0.25", "r,s,1"], "csv", "from 0.25 to 1", "--label label --label-above X"),
        (["question,passage,label", "q,p,yes", "r,s,no"], "csv", "\"yes\"", "--label label --label-above X"),
        (["question,passage,score", "q,p,3", "r,s,4"], "csv", "score", "--label score --label-above X"),
    ])
    func doubtfulGuessesAreShown(lines: [String], ending: String, reason: String, words: String) throws {
        let place = try MappedPlace()
        try place.write(lines, to: "a.\(ending)")
        let shown = try place.run("tvt-convert", ["rows", "a.\(ending)"])
        #expect(shown.status == 0 && shown.outputText.contains(reason), "\(shown.outputText)")
        #expect(shown.outputText.contains(words), "\(shown.outputText)")
        let json = try place.run("tvt-convert", ["rows", "a.\(ending)", "--json"])
        let parsed = try JSONValue.parse(json.output, path: "shown")
        #expect(parsed["command"] == .null && parsed["doubts"]?.array?.isEmpty == false)
        let refused = try place.run("tvt-convert", ["rows", "a.\(ending)", "--yes", "--dataset", "x"])
        #expect(refused.status == 64 && refused.errorText.contains(reason), "\(refused.errorText)")
        #expect(throws: (any Error).self) { try place.store.dataset("x") }
    }

    @Test func documentsWithoutAHeaderAreShown() throws {
        let place = try MappedPlace()
        try place.write(["Noah built the ark", "Jonah", "Paul"], to: "one.csv")
        let shown = try place.run("tvt-convert", ["corpus", "one.csv"])
        let command = "tvt-convert corpus one.csv --text text --columns text --dataset one"
        #expect(shown.status == 0 && shown.outputText.contains(command), "\(shown.outputText)")
        let refused = try place.run("tvt-convert", ["corpus", "one.csv", "--yes", "--dataset", "one"])
        #expect(refused.status == 64 && refused.errorText.contains(command), "\(refused.errorText)")
        let words = command.split(separator: " ").dropFirst().map(String.init)
        #expect(try place.run("tvt-convert", words).status == 0)
        #expect(try place.store.dataset("one").documentCount == 3)
    }

    @Test func theCommandForTablesWithoutAHeaderTakesEveryRow() throws {
        let place = try MappedPlace()
        try place.write(["who built the ark\tNoah", "who was swallowed\tJonah"], to: "pair.tsv")
        let plan = try RowPlan([place("pair.tsv")], RowOptions())
        #expect(
            plan.command(dataset: "x")
                == "tvt-convert rows \(place("pair.tsv")) --query query --positive passage --columns query passage --dataset x"
        )
        var reading = RowReading()
        reading.columns = ["query", "passage"]
        let named = try RowPlan([place("pair.tsv")], RowOptions(), reading)
        try named.checkGuess(dataset: nil)
        let (dataset, _) = try place.take([place("pair.tsv")], named.options, reading)
        #expect(
            try place.texts(dataset, dataset.positives) == [
                "who built the ark": ["Noah"], "who was swallowed": ["Jonah"],
            ])
    }

    /// Tables of pandas have True and False, and Quora's pairs are duplicates or none.
    @Test(arguments: [
        (["question,passage,label", "q1,p1,True", "q2,p2,False"], "label"),
        (["question,passage,label", "q1,p1,TRUE", "q2,p2,false"], "label"),
        (["query,positive,is_duplicate", "q1,p1,1", "q2,p2,0"], "is_duplicate"),
        (["question,passage,relevance", "q1,p1,3", "q2,p2,0"], "relevance"),
        (["sentence1,sentence2,score", "q1,p1,1", "q2,p2,0"], "score"),
    ])
    func labelsAreUnderstood(lines: [String], label: String) throws {
        let place = try MappedPlace()
        try place.write(lines, to: "a.csv")
        let plan = try RowPlan([place("a.csv")], RowOptions())
        try plan.checkGuess(dataset: nil)
        #expect(plan.options.label == label)
        let (dataset, _) = try place.take([place("a.csv")], plan.options)
        #expect(try place.texts(dataset, dataset.positives) == ["q1": ["p1"]])
        #expect(try place.texts(dataset, dataset.negatives) == ["q2": ["p2"]])
    }

    /// pandas writes lists into CSV as Python prints them.
    @Test func textsThatLookLikeListsAreNamed() throws {
        let place = try MappedPlace()
        try place.write(["question,passage", "q1,\"['a', 'b']\""], to: "lists.csv")
        let shown = try place.run("tvt-convert", ["rows", "lists.csv"])
        #expect(
            shown.status == 0 && shown.outputText.contains("passage: texts that look like lists"), "\(shown.outputText)"
        )
        let taken = try place.run("tvt-convert", ["rows", "lists.csv", "--yes"])
        #expect(taken.status == 0 && taken.errorText.contains("texts that look like lists"), "\(taken.errorText)")
    }

    @Test func documentsAreToldFromPairs() throws {
        let place = try MappedPlace.withGoldenTables()
        let plan = try RowPlan([place("formats/shapes/documents.parquet")], RowOptions())
        let text = plan.text(dataset: nil)
        #expect(!plan.isComplete && text.contains("tvt-convert corpus") && text.contains("--id url --text body"))
    }

    // MARK: The tool

    @Test func withoutOptionsColumnsAndCommandAreShownAndNothingIsWritten() throws {
        let place = try MappedPlace()
        try place.write(["question,passage,category", "\"what, then\",this,x", "who,that,y"], to: "my pairs.csv")
        let shown = try place.run("tvt-convert", ["rows", "my pairs.csv"])
        #expect(shown.status == 0 && shown.errors.isEmpty, "\(shown.errorText)")
        #expect(shown.outputText.contains("question  text") && shown.outputText.contains("\"what, then\""))
        let command = "tvt-convert rows 'my pairs.csv' --query question --positive passage --dataset my-pairs"
        #expect(shown.outputText.contains(command), "\(shown.outputText)")
        #expect(try place.run("tvt-store", ["ls", "--json"]).outputText.contains("my-pairs") == false)
        let json = try JSONValue.parse(
            place.run("tvt-convert", ["rows", "my pairs.csv", "--json"]).output, path: "shown")
        #expect(json["command"]?.string == command)
        #expect(json["columns"]?.array?.count == 3 && json["guess"]?["query"]?.string == "question")

        // What it prints is what it does, and so does --yes.
        let path = builtProducts.string
        let ran = try runShell(
            "cd '\(place.folder.path)' && TVT_STORE='\(place.store.root)' PATH='\(path)':$PATH \(command)")
        #expect(ran.status == 0, "\(ran.errorText)")
        #expect(ran.errorText.contains("columns that are not taken: category"))
        let guessed = try place.run("tvt-convert", ["rows", "my pairs.csv", "--yes", "--dataset", "again", "--quiet"])
        #expect(guessed.status == 0, "\(guessed.errorText)")
        #expect(
            try place.store.dataset("again").manifest.logicalDigest
                == place.store.dataset("my-pairs").manifest.logicalDigest)
    }

    /// "The same command again with --yes" is a whole command: the dataset has the name that was shown.
    @Test func yesAloneIsEnough() throws {
        let place = try MappedPlace()
        try place.write(["question,passage", "what,this"], to: "My Pairs.csv")
        try place.write(["id,text", "d1,this"], to: "docs.csv")
        for (arguments, name) in [(["rows", "My Pairs.csv"], "my-pairs"), (["corpus", "docs.csv"], "docs")] {
            let shown = try place.run("tvt-convert", arguments)
            #expect(shown.outputText.contains("--dataset \(name)"), "\(shown.outputText)")
            let taken = try place.run("tvt-convert", arguments + ["--yes"])
            #expect(taken.status == 0, "\(taken.errorText)")
            #expect(try place.store.dataset(name).documentCount == 1)
        }
        let unnamed = try place.run(
            "tvt-convert", ["rows", "My Pairs.csv", "--query", "question", "--positive", "passage"])
        #expect(unnamed.status == 64 && unnamed.errorText.contains("--dataset my-pairs"), "\(unnamed.errorText)")
    }

    @Test func whatPeopleTryFirstPointsAtRows() throws {
        let place = try MappedPlace()
        try place.write(["question,passage", "what,this"], to: "pairs.csv")
        for word in ["csv", "tsv", "json", "parquet", "arrow"] {
            let shown = try place.run("tvt-convert", [word, "pairs.csv"])
            #expect(shown.status == 0 && shown.outputText.contains("tvt-convert rows pairs.csv --query"), "\(word)")
        }
        for arguments in [["pairs.csv"], ["pairs.csv", "--dataset", "x"], ["cvs", "pairs.csv", "--dataset", "x"]] {
            let result = try place.run("tvt-convert", arguments)
            #expect(result.status == 64 && result.errorText.contains("tvt-convert rows"), "\(result.errorText)")
        }
        let checked = try place.run("tvt-convert", ["check", "pairs.csv"])
        #expect(checked.status == 64 && checked.errorText.contains("question, passage"), "\(checked.errorText)")
        #expect(checked.errorText.contains("tvt-convert rows"))
        try place.write([#"{"query_id":"1","query":"one","positive_document_ids":[]}"#], to: "queries.jsonl")
        try place.write([#"{"docid":"1","text":"one"}"#], to: "corpus.jsonl")
        let v2 = try place.run(
            "tvt-convert", ["v2", "--queries", "queries.jsonl", "--corpus", "corpus.jsonl", "--dataset", "x"])
        #expect(v2.status == 65 && v2.errorText.contains("\"query\"") && v2.errorText.contains("tvt-convert rows"))
    }

    @Test func rowsAreCheckedAsTheyWouldBeConverted() throws {
        let place = try MappedPlace()
        try place.write(["question,passage", "what,this", ",that"], to: "pairs.csv")
        let result = try place.run("tvt-convert", ["check", "rows", "pairs.csv"])
        #expect(result.status == 65 && result.outputText.contains("the query is empty"), "\(result.outputText)")
    }

    @Test func optionsAreKeptInTheManifest() throws {
        let place = try MappedPlace()
        try place.write(["question,passage", "what,this", "who,that"], to: "pairs.csv")
        let result = try place.run(
            "tvt-convert",
            [
                "rows", "pairs.csv", "--query", "question", "--positive", "passage", "--hold-out", "1", "--dataset",
                "x",
                "--json",
            ])
        #expect(result.status == 0, "\(result.errorText)")
        let log = try place.run("tvt-store", ["log", "x"]).outputText
        for part in ["question", "passage", "holdOut", "pairs.csv"] { #expect(log.contains(part), "\(log)") }
    }
}
