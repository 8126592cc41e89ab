import Base
import JSON
import Tensors
import TestKit
import Testing
import Training

/// One batch and what torch makes of it, term by term (`Golden/PROVENANCE.md`).
struct LossGolden {
    let value: JSONValue

    init() throws {
        let golden = Golden()
        value = try JSONValue.parse(golden.bytes("loss-terms.json"), path: "loss-terms.json")
    }

    var cases: [JSONValue] { value["cases"]?.array ?? [] }

    func numbers(_ key: String, of json: JSONValue? = nil) throws -> [Double] {
        try #require((json ?? value)[key]?.array).map { try #require($0.double) }
    }

    func whole(_ key: String) throws -> [Int] { try #require(value[key]?.array).map { try #require($0.integer) } }

    func vectors(_ key: String, as type: ElementType = .float64) throws -> Tensor {
        let width = try #require(value["width"]?.integer)
        let values = try numbers(key)
        return try Tensor(values, shape: [values.count / width, width]).to(type)
    }

    func facts() throws -> BatchFacts {
        let sizes = try whole("groups")
        var guide = BatchFacts.Guide(width: try #require(value["guide_width"]?.integer))
        guide.queries = try numbers("guide_queries").map { Float($0) }
        guide.passages = try numbers("guide_passages").map { Float($0) }
        let starts = sizes.indices.map { sizes[..<$0].reduce(0, +) }
        return BatchFacts(
            positives: starts, groups: zip(starts, sizes).map { $0..<($0 + $1) },
            excluded: try #require(value["excluded"]?.array).map { $0.array!.map { $0.integer! } },
            queryInputs: try whole("query_inputs"), datasets: try whole("datasets"),
            teacherScores: try #require(value["teacher"]?.array).map { $0.array.map { $0.map { Float($0.double!) } } },
            guide: guide)
    }

    /// The loss that a config with a case's section makes: JSON is YAML.
    func loss(_ json: JSONValue) throws -> ContrastiveLoss {
        var terms = try #require(json["loss"]?.object)
        // Whose vectors are those of the facts.
        if terms["false_negatives"]?["by"]?.string == "guide" {
            terms["guide"] = ["queries": ["q", "q"], "documents": ["d", "d"]]
        }
        let section = String(decoding: JSONValue.object(terms).canonical(), as: UTF8.self)
        let temperature = try #require(value["temperature"]?.double)
        let config = try TrainingConfig(
            yaml: "model: m\ndatasets: [{name: a}, {name: b}]\nsteps: 1\ntemperature: \(temperature)\nloss: \(section)",
            path: "case.yaml")
        return config.makeLoss(renormalizes: true)
    }
}

@Suite("Terms of the loss")
struct LossTermTests {
    @Test("values and gradients equal torch's within 1e-5, in float64 and float32", arguments: [false, true])
    func golden(isDouble: Bool) throws {
        let golden = try LossGolden()
        let facts = try golden.facts()
        #expect(golden.cases.count > 20)
        for json in golden.cases {
            let name = json["name"]?.string ?? ""
            let type: ElementType = isDouble ? .float64 : .float32
            let queries = try golden.vectors("queries", as: type).detached().requireGradient()
            let passages = try golden.vectors("passages", as: type).detached().requireGradient()
            let value = try golden.loss(json)(queries_BD: queries, passages_PD: passages, facts)
            let expected = try #require(json["value"]?.double)
            // Scores of a teacher are float32 here.
            let bound = isDouble ? 1e-7 : 1e-5
            #expect(abs(try value.to(.float64).item() - expected) <= bound * max(1, abs(expected)), "\(name)")
            let gradients = try Tensor.gradients(of: [value], withRespectTo: [queries, passages])
            for (key, gradient) in zip(["of_queries", "of_passages"], gradients) {
                let computed = try #require(gradient).to(.float64).array(of: Double.self)
                let numbers = try golden.numbers(key, of: json)
                let scale = max(1, numbers.map(abs).max()!)
                let difference = zip(computed, numbers).map { abs($0 - $1) }.max()!
                #expect(
                    computed.count == numbers.count && difference <= bound * scale, "\(name), \(key): \(difference)")
            }
        }
    }

    @Test(
        "gradients of log(1 / τ) equal torch's within 1e-5, and values are those of a fixed τ",
        arguments: [false, true])
    func goldenTemperature(isDouble: Bool) throws {
        let golden = try LossGolden()
        let facts = try golden.facts()
        let type: ElementType = isDouble ? .float64 : .float32
        let (queries, passages) = (try golden.vectors("queries", as: type), try golden.vectors("passages", as: type))
        var gradients: [Double] = []
        for json in golden.cases {
            let name = json["name"]?.string ?? ""
            let loss = try golden.loss(json)
            let scale = try Tensor([1 / loss.temperature], shape: []).to(type).requireGradient()
            let value = try loss(queries_BD: queries, passages_PD: passages, facts, scale: scale)
            let fixed = try loss(queries_BD: queries, passages_PD: passages, facts).item()
            #expect(abs(try value.item() - fixed) <= 1e-6 * fixed, "\(name)")
            let ofScale = try Tensor.gradients(of: [value], withRespectTo: [scale])[0]!.item()
            let expected = try #require(json["of_log_scale"]?.double)
            let bound = (isDouble ? 1e-7 : 1e-5) * max(1, abs(expected))
            #expect(abs(ofScale / loss.temperature - expected) <= bound, "\(name): \(ofScale / loss.temperature)")
            gradients.append(expected)
        }
        #expect(Set(gradients).count > 15 && gradients.contains { abs($0) > 0.1 })
    }

    @Test("every case differs from InfoNCE: each term does something")
    func different() throws {
        let golden = try LossGolden()
        let values = golden.cases.compactMap { $0["value"]?.double }
        #expect(values.dropFirst().allSatisfy { abs($0 - values[0]) > 1e-3 })
        #expect(Set(values).count == values.count)
    }

    @Test("without other terms it is cross-entropy, bit for bit")
    func plain() throws {
        let golden = try LossGolden()
        let facts = try golden.facts()
        let queries = try golden.vectors("queries", as: .float32)
        let passages = try golden.vectors("passages", as: .float32)
        var mask = [UInt8](repeating: 0, count: queries.size(0) * passages.size(0))
        for (query, rows) in facts.excluded.enumerated() {
            for row in rows { mask[query * passages.size(0) + row] = 1 }
        }
        let logits = try queries.matmul(passages.transpose(0, 1)).multiplied(by: 1 / 0.05).maskedFill(
            Tensor(mask, shape: [queries.size(0), passages.size(0)]).notEqual(0), -.infinity)
        let expected = try logits.crossEntropy(Tensor(facts.positives.map(Int64.init))).item()
        #expect(
            try ContrastiveLoss(temperature: 0.05)(queries_BD: queries, passages_PD: passages, facts).item() == expected
        )
    }

    @Test("facts and terms that do not fit are errors")
    func misfits() throws {
        let golden = try LossGolden()
        let queries = try golden.vectors("queries")
        let passages = try golden.vectors("passages")
        let facts = try golden.facts()
        func refused(_ change: (inout BatchFacts, inout ContrastiveLoss.Terms) -> Void) throws {
            var (facts, terms) = (facts, ContrastiveLoss.Terms())
            change(&facts, &terms)
            let loss = ContrastiveLoss(temperature: 0.1, terms: terms)
            #expect(throws: TensorError.self) { try loss(queries_BD: queries, passages_PD: passages, facts) }
        }
        try refused { facts, _ in facts.positives.removeLast() }
        try refused { facts, _ in facts.positives[0] = 99 }
        try refused { facts, _ in facts.groups[0] = 1..<2 }
        try refused { facts, _ in facts.excluded[0] = [facts.positives[0]] }
        try refused { facts, _ in facts.excluded[0] = [99] }
        try refused { facts, _ in facts.teacherScores[0] = [1] }
        try refused { facts, _ in facts.datasets = [0] }
        try refused { _, terms in terms.blocks = [.passageToQuery] }
        try refused { _, terms in
            terms.blocks.insert(.queryToQuery)
            terms.partition = .separate
        }
        try refused { _, terms in terms.matryoshka.widths = [16] }
        try refused { _, terms in terms.matryoshka.weights = [1] }
        try refused { _, terms in terms.datasetWeights = [1] }
        try refused { facts, _ in facts.guide?.queries.removeLast() }
        try refused { facts, terms in
            facts.guide = nil
            terms.falseNegatives.judge = .guide
        }
    }

    /// With one positive each it is the plain form.
    @Test("all positives: their mean, each as if it were the only one; without negatives nothing is learnt")
    func allPositives() throws {
        let queries = try Tensor.normal([3, 8], seed: 1).normalized()
        let passages = try Tensor.normal([7, 8], seed: 2).normalized()
        func value(_ positives: ContrastiveLoss.Positives, _ facts: BatchFacts) throws -> Double {
            var terms = ContrastiveLoss.Terms()
            terms.positives = positives
            return try ContrastiveLoss(temperature: 0.1, terms: terms)(
                queries_BD: queries, passages_PD: passages, facts
            ).item()
        }
        let groups = [0..<3, 3..<5, 5..<7]
        let one = BatchFacts(positives: [0, 3, 5], groups: groups)
        #expect(abs(try value(.all, one) - value(.one, one)) < 1e-6)
        // The second query has another positive among its own passages, and one of the first's.
        let known = BatchFacts(positives: [0, 3, 5], groups: groups, excluded: [[], [2, 4], []])
        let each = try [3, 4, 2].map { row in
            // What is masked is no candidate.
            let others = [2, 3, 4].filter { $0 != row }
            let groups = [0..<3, row == 2 ? 2..<5 : 3..<5, 5..<7]
            return try value(.one, BatchFacts(positives: [0, row, 5], groups: groups, excluded: [[], others, []]))
        }
        #expect(abs(try value(.all, known) - each.reduce(0, +) / 3) < 1e-6)

        // The same passage in another place is no positive of its own.
        let again = BatchFacts(
            positives: [0, 3, 5], groups: groups, excluded: [[], [2, 4], []], passageInputs: [0, 1, 2, 3, 2, 5, 6])
        #expect(abs(try value(.all, again) - (each[0] + each[2]) / 2) < 1e-6)

        let alone = try Tensor.normal([1, 8], seed: 3).normalized().detached().requireGradient()
        let own = try Tensor.normal([2, 8], seed: 4).normalized()
        var terms = ContrastiveLoss.Terms()
        terms.positives = .all
        let loss = try ContrastiveLoss(temperature: 0.1, terms: terms)(
            queries_BD: alone, passages_PD: own, BatchFacts(positives: [0], groups: [0..<2], excluded: [[1]]))
        let gradient = try #require(try Tensor.gradients(of: [loss], withRespectTo: [alone])[0])
        #expect(try loss.item() == 0 && gradient.floats().allSatisfy { $0 == 0 })
    }

    @Test("one query alone: spread and blocks of other queries add nothing")
    func single() throws {
        let queries = try Tensor.normal([1, 8], seed: 1).normalized()
        let passages = try Tensor.normal([3, 8], seed: 2).normalized()
        let facts = BatchFacts(positives: [0], groups: [0..<3])
        var terms = ContrastiveLoss.Terms()
        terms.blocks = Set(ContrastiveLoss.Block.allCases)
        terms.spread = 1
        func value(_ terms: ContrastiveLoss.Terms) throws -> Double {
            try ContrastiveLoss(temperature: 0.1, terms: terms)(queries_BD: queries, passages_PD: passages, facts)
                .item()
        }
        #expect(abs(try value(terms) - value(ContrastiveLoss.Terms())) < 1e-6)
    }
}
