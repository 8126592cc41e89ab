import Base
import Store
import JSON
import Records
import SystemPackage
import TestKit
import Testing
import Vectors

/// `tvt-encode` as a user runs it.
struct EncodeToolTests {
    func arguments(_ data: SampleData, _ side: String, _ output: FilePath, _ more: [String] = []) -> [String] {
        [
            side, "sample", "--store", data.store.root.string, "--model", SampleData.modelFolder.string, "--output",
            output.string, "--threads", "1",
        ] + SampleData.flags + more
    }

    @Test func encodesBothSidesAndVerifies() throws {
        let data = try SampleData(documentCount: 70, queryCount: 9)
        _ = try data.commit()
        let output = data.temporary("v")
        let result = try run("tvt-encode", arguments(data, "corpus", output, ["--json", "--batch-tokens", "200"]))
        #expect(result.status == 0, "\(result.errorText)")
        let report = try JSONValue.parse(result.output, path: "stdout")
        #expect(report["records"]?.integer == 70)
        #expect(report["empty"]?.integer == 2)
        #expect(report["truncated"]?.integer ?? 0 >= 4)
        #expect(result.errorText.contains("cut to the maximal length"))
        #expect(try VectorsReader(opening: output).count == 70)
        #expect(
            try run("tvt-encode", arguments(data, "queries", data.temporary("q"), ["--dtype", "bf16"])).status == 0)
        #expect(try VectorsReader(opening: data.temporary("q")).manifest.description.encoding["compute"] == "bf16")

        var verify = arguments(data, "verify", output)
        verify.removeSubrange(6..<8)
        verify += ["--reference", output.appending("part-00000.npy").string]
        let same = try run("tvt-encode", verify)
        #expect(same.status == 0, "\(same.errorText)")
        #expect(same.outputText.contains("70 records"))
        let different = try run("tvt-encode", verify + ["--pooling", "cls"])
        #expect(different.status == 65)
    }

    /// Where the processor multiplies bfloat16 and where it does not, vectors are the same within its precision. The
    /// second run may use nothing beyond AVX2, whatever the processor has.
    @Test(arguments: ["bf16", "f16"])
    func sixteenBitsWorkOnEveryProcessor(type: String) throws {
        let data = try SampleData(documentCount: 60)
        _ = try data.commit()
        func vectors(_ name: String, _ type: String, _ environment: [String: String]) throws -> ([[Float]], String) {
            let output = data.temporary(name)
            let result = try run(
                "tvt-encode", arguments(data, "corpus", output, ["--dtype", type, "--batch-tokens", "200"]),
                environment: environment)
            #expect(result.status == 0, "\(result.errorText)")
            let reader = try VectorsReader(opening: output)
            return ((0..<reader.count).map(reader.vector), result.errorText)
        }
        let (expected, silence) = try vectors("f32", "f32", [:])
        let (own, _) = try vectors("own", type, [:])
        let (limited, note) = try vectors(
            "limited", type, ["ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"])
        #expect(!silence.contains("processor"))
        #expect(note.split(separator: "\n").count { $0.contains("--dtype \(type): this processor") } == 1)
        #expect(expected.count == 60)
        for row in expected.indices {
            for other in [own[row], limited[row]] {
                #expect(zip(expected[row], other).reduce(0) { $0 + $1.0 * $1.1 } > 0.999)
            }
        }
    }

    /// Killed at any time and started again, a run ends with the same files as one that was left alone.
    @Test func killedRunsGoOn() throws {
        let data = try SampleData(documentCount: 3000)
        _ = try data.commit()
        let flags = ["--part-size", "128"]
        let calm = data.temporary("calm")
        #expect(try run("tvt-encode", arguments(data, "corpus", calm, flags)).status == 0)
        let rough = data.temporary("rough")
        var killedCount = 0
        for seconds in [0.05, 0.15, 0.2, 0.25, 0.3, 0.4] {
            let result = try run(
                "tvt-encode", arguments(data, "corpus", rough, flags + ["--resume"]), killAfterSeconds: seconds)
            if result.wasKilled { killedCount += 1 }
        }
        #expect(killedCount > 0)
        let last = try run("tvt-encode", arguments(data, "corpus", rough, flags + ["--resume", "--json"]))
        #expect(last.status == 0, "\(last.errorText)")
        let visible = { (folder: FilePath) in try Files.list(folder).filter { !$0.hasPrefix(".") } }
        #expect(try visible(rough) == visible(calm))
        for name in try visible(calm) {
            #expect(try Files.readAll(rough.appending(name)) == Files.readAll(calm.appending(name)), "\(name)")
        }
    }

    /// A list of what is left out that cannot be written is an error before anything is encoded.
    @Test func theListOfLeftOutRecordsIsOpenedFirst() throws {
        let data = try SampleData(documentCount: 3)
        _ = try data.commit()
        let output = data.temporary("v")
        try Files.makeDirectory(data.temporary("folder"))
        let wrong: [(list: String, status: Int32, words: String)] = [
            ("-", 64, "--quarantine is a file"), (output.string, 64, "where the vectors are written"),
            (output.string + "/./vectors.json", 64, "where the vectors are written"),
            (output.appending("part-00000.left-out.jsonl").string, 64, "where the vectors are written"),
            (data.temporary("folder").string, 73, "is not a regular file"),
        ]
        for (list, status, words) in wrong {
            let result = try run("tvt-encode", arguments(data, "corpus", output, ["--quarantine", list]))
            #expect(result.status == status && result.errorText.contains(words), "\(list): \(result.errorText)")
            #expect(!result.errorText.contains("standard output") && !Files.exists(output))
        }
        let beside = output.appending("list.jsonl.gz")
        #expect(try run("tvt-encode", arguments(data, "corpus", output, ["--quarantine", beside.string])).status == 0)
        #expect(try Files.readAll(beside).starts(with: [0x1F, 0x8B]))
    }

    /// Records that are left out are told of in every run, those of parts that were there as well.
    @Test func leftOutRecordsAreTold() throws {
        var data = try SampleData(documentCount: 5)
        data.documents[3].image = MediaReference(name: "a.png")
        _ = try data.commit()
        let (output, list) = (data.temporary("v"), data.temporary("list"))
        let first = try run("tvt-encode", arguments(data, "corpus", output, ["--quarantine", list.string]))
        #expect(first.status == 0 && first.errorText.contains("1 of 5 records are left out; \(list) says why"))
        #expect(try Files.readText(list).split(separator: "\n").count == 1)
        let again = try run("tvt-encode", arguments(data, "corpus", output, ["--resume"]))
        #expect(again.status == 0 && again.errorText.contains("1 of 5 records are left out; part-"))
        #expect(try VectorsReader(opening: output).count == 4)
    }

    /// A folder without a single vector is no result, unless others hold the rest; the list says why.
    @Test func whereNothingIsLeft() throws {
        var data = try SampleData(documentCount: 4)
        for index in 0..<4 { data.documents[index].image = MediaReference(name: "a.png") }
        _ = try data.commit()
        let (output, list) = (data.temporary("v"), data.temporary("list"))
        let result = try run(
            "tvt-encode", arguments(data, "corpus", output, ["--quarantine", list.string, "--part-size", "3"]))
        #expect(result.status == 65 && result.errorText.contains("no record is left"), "\(result.errorText)")
        #expect(try Files.readText(list).split(separator: "\n").count == 4)
        #expect(!Files.exists(output.appending("vectors.json")))
        let shard = try run(
            "tvt-encode",
            arguments(data, "corpus", data.temporary("s"), ["--quarantine", list.string, "--shard", "0/2"]))
        #expect(shard.status == 0 && shard.errorText.contains("2 of 2 records are left out"), "\(shard.errorText)")
    }

    @Test func refusals() throws {
        let data = try SampleData(documentCount: 3)
        _ = try data.commit()
        let output = data.temporary("v")
        func status(_ arguments: [String]) throws -> Int32 { try run("tvt-encode", arguments).status }
        #expect(try status(["--help"]) == 0)
        #expect(try status(["corpus", "--help"]) == 0)
        #expect(try status(["corpus"]) == 64)
        #expect(try status(arguments(data, "corpus", output, ["--dtype", "f8"])) == 64)
        #expect(try status(arguments(data, "corpus", output, ["--shard", "2/2"])) == 64)
        #expect(try status(arguments(data, "corpus", output, ["--dims", "33"])) == 64)
        #expect(try status(arguments(data, "corpus", output, ["--device", "gpu"])) == 64)
        #expect(try status(arguments(data, "corpus", output, ["--model", "nowhere"])) == 66)
        let cardless = [
            "corpus", "sample", "--store", data.store.root.string, "--model", SampleData.modelFolder.string, "--output",
            output.string,
        ]
        let asking = try run("tvt-encode", cardless)
        #expect(asking.status == 78)
        #expect(asking.errorText.contains("--pooling mean|cls|last"))
        let missing = try run("tvt-encode", arguments(data, "corpus", output).map { $0 == "sample" ? "simple" : $0 })
        #expect(missing.status == 66)
        #expect(!Files.exists(output))
        #expect(try status(arguments(data, "corpus", output)) == 0)
        #expect(try status(arguments(data, "corpus", output)) == 73)
    }
}
