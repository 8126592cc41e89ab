internal import Foundation
internal import JSON

extension Rotary {
    /// What `config.json` says of rotary embeddings, in both places where transformers has written it: `rope_theta` and
    /// `rope_scaling` (4), or `rope_parameters` (5).
    ///
    /// - Parameters:
    ///   - positions: `max_position_embeddings`.
    ///   - theta: where no field says it.
    ///   - axes: what the sizes of sections, `mrope_section`, amount to; nil where rows count along one axis.
    /// - Throws: `InputError` for a scaling that is not known, and where the two places contradict each other.
    init(
        _ reader: ConfigurationReader, headSize: Int, positions: Int, defaultTheta theta: Double,
        axes: SectionedAxes? = nil
    ) throws {
        try self.init(reader, headSize: headSize, positions: positions, oneAxis: theta, axes)
        guard let axes else { return }
        let places = ["rope_parameters", "rope_scaling"].filter { reader[$0] != nil }
        let stated = try places.map { try axes.axes(reader.section($0), headSize: headSize, reader, $0) }
        let first = try stated.first ?? axes.axes(nil, headSize: headSize, reader, "rope_scaling")
        guard stated.allSatisfy({ $0 == first }) else {
            throw reader.error(
                "rope_parameters", "rope_scaling says something else",
                advice: "remove the fields that are wrong from the file")
        }
        self.axes = first
        // Frequencies would depend on the places of all texts of a batch.
        if case .dynamic = scaling {
            throw reader.error(
                places.first ?? "rope_scaling", "rotary scaling \"dynamic\" is not supported with several axes")
        }
    }

    /// How sections of the pairs of components are told.
    struct SectionedAxes {
        let make: ([Int]) -> Axes
        /// Where no field says them.
        let fallback: [Int]?

        fileprivate func axes(
            _ section: ConfigurationReader?, headSize: Int, _ reader: ConfigurationReader, _ place: String
        ) throws -> Axes {
            guard let sizes = try section?.sectionSizes() ?? fallback else {
                throw reader.error(place, "mrope_section is missing: three sizes of sections are expected")
            }
            guard sizes.count == 3, sizes.allSatisfy({ $0 >= 0 }), sizes.reduce(0, +) == headSize / 2 else {
                throw reader.error(
                    place, "mrope_section: three sizes that add up to \(headSize / 2), half of a head, are expected")
            }
            let axes = make(sizes)
            let isInterleaved = if case .interleaved = axes { true } else { false }
            // The reference does not read the field: each of its models knows one way.
            try section?.require("mrope_interleaved", .bool(isInterleaved))
            return axes
        }
    }

    private init(
        _ reader: ConfigurationReader, headSize: Int, positions: Int, oneAxis theta: Double, _ axes: SectionedAxes?
    ) throws {
        let hasSections = axes != nil
        let old = try reader["rope_scaling"].map { _ in try reader.section("rope_scaling") }
        let statedTheta: Double? = try reader["rope_theta"].map { _ in
            try reader.positiveNumber("rope_theta", to: 1e12)
        }
        let oldScaling = try old.map { try Scaling($0, positions: positions, hasSections: hasSections) }
        guard reader["rope_parameters"] != nil else {
            self.init(theta: statedTheta ?? theta, headSize: headSize, scaling: oldScaling ?? .none)
            return
        }
        let section = try reader.section("rope_parameters")
        let rotary = try Rotary(
            section: section, headSize: headSize, positions: positions, defaultTheta: theta, hasSections: hasSections)
        guard statedTheta ?? rotary.theta == rotary.theta, oldScaling ?? rotary.scaling == rotary.scaling else {
            throw reader.error(
                "rope_parameters", "rope_theta or rope_scaling says something else",
                advice: "remove the fields that are wrong from the file")
        }
        self = rotary
    }

    /// What `rope_parameters` says by type of layer, as transformers 5 writes it where full and sliding layers differ; nil
    /// where it is not there.
    ///
    /// - Parameters:
    ///   - oldFields: those of transformers 4, which must not stand beside it.
    ///   - thetas: where no field says them.
    static func byLayerType(
        _ reader: ConfigurationReader, oldFields: [String], headSize: Int, positions: Int,
        thetas: (full: Double, sliding: Double)
    ) throws -> (full: Rotary, sliding: Rotary)? {
        guard reader["rope_parameters"] != nil else { return nil }
        for old in oldFields where reader[old] != nil {
            throw reader.error(old, "rope_parameters says this already", advice: "remove one of them from the file")
        }
        let section = try reader.section("rope_parameters")
        func rotary(_ type: String, _ theta: Double) throws -> Rotary {
            try Rotary(section: section.section(type), headSize: headSize, positions: positions, defaultTheta: theta)
        }
        let found = (
            full: try rotary("full_attention", thetas.full), sliding: try rotary("sliding_attention", thetas.sliding)
        )
        try section.refuseUnread()
        return found
    }

    /// What one object of `rope_parameters` says.
    ///
    /// - Parameter hasSections: whether `mrope_section` may stand there.
    init(
        section: ConfigurationReader, headSize: Int, positions: Int, defaultTheta theta: Double,
        hasSections: Bool = false
    ) throws {
        let stated = try section.positiveNumber("rope_theta", to: 1e12, default: theta)
        try section.require("partial_rotary_factor", 1, 1.0)
        self.init(
            theta: stated, headSize: headSize,
            scaling: try Scaling(section, positions: positions, hasSections: hasSections))
    }
}

extension ConfigurationReader {
    /// `mrope_section`; nil where it is not there.
    fileprivate func sectionSizes() throws -> [Int]? {
        guard let value = self["mrope_section"] else { return nil }
        let sizes = value.array?.compactMap(\.integer)
        guard let sizes, sizes.count == value.array?.count else {
            throw error("mrope_section", "a list of whole numbers is expected")
        }
        return sizes
    }
}

extension Rotary.Scaling {
    /// The fields of `rope_scaling`, or those of `rope_parameters` beside the theta; all must be understood.
    init(_ section: ConfigurationReader, positions: Int, hasSections: Bool = false) throws {
        var type = try section.string("type", default: section.string("rope_type", default: "default"))
        if hasSections, type == "mrope" { type = try section.string("rope_type", default: type) }
        guard try section.string("rope_type", default: type) == type else {
            throw section.error("type", "rope_type says something else")
        }
        func factor(_ fallback: Double? = nil) throws -> Double {
            try section.positiveNumber("factor", to: 1e6, default: fallback)
        }
        func originalPositions(_ fallback: Int? = nil) throws -> Int {
            try section.count(
                "original_max_position_embeddings", in: ConfigurationReader.Range.positions, default: fallback)
        }
        switch type {
        case "default": self = .none
        // Sections of the usual frequencies, as the first such models named it.
        case "mrope" where hasSections: self = .none
        case "linear": self = .linear(factor: try factor())
        case "dynamic":
            self = .dynamic(factor: try factor(), positions: positions)
            try section.require("original_max_position_embeddings", JSONValue(positions))
        case "llama3":
            self = .llama3(
                factor: try factor(), low: try section.positiveNumber("low_freq_factor", to: 1e6),
                high: try section.positiveNumber("high_freq_factor", to: 1e6), positions: try originalPositions())
        case "yarn":
            let original = try originalPositions(positions)
            let factor = try factor(Double(positions) / Double(original))
            self = .yarn(
                factor: factor, betaFast: try section.positiveNumber("beta_fast", to: 1e6, default: 32),
                betaSlow: try section.positiveNumber("beta_slow", to: 1e6, default: 1), positions: original,
                truncates: try section.bool("truncate", default: true),
                attention: try Self.attentionFactor(section, factor: factor))
        default:
            throw section.error(
                section["rope_type"] == nil ? "type" : "rope_type", "rotary scaling \"\(type)\" is not supported",
                advice: "supported: default, linear, dynamic, llama3, yarn")
        }
        try section.refuseUnread(
            except: hasSections ? ["rope_theta", "mrope_section", "mrope_interleaved"] : ["rope_theta"])
    }

    private static func attentionFactor(_ section: ConfigurationReader, factor: Double) throws -> Double {
        func scale(_ factor: Double, _ multiplier: Double) -> Double {
            factor <= 1 ? 1 : 0.1 * multiplier * log(factor) + 1
        }
        let multiplier = try section.number("mscale", in: 0...1e3, default: 0)
        let ofAll = try section.number("mscale_all_dim", in: 0...1e3, default: 0)
        let usual =
            multiplier > 0 && ofAll > 0 ? scale(factor, multiplier) / scale(factor, ofAll) : scale(factor, 1)
        return try section.positiveNumber("attention_factor", to: 1e3, default: usual)
    }
}
