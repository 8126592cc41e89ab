internal import Base
internal import JSON
internal import Reports

/// A run's page: figures and curves in one file of HTML, without scripts and outside resources.
struct RunPage {
    let lines: [MetricsLine]
    let plan: TrainingPlan

    private var steps: [StepMetrics] { lines.compactMap { if case .step(let metrics) = $0 { metrics } else { nil } } }
    private var validations: [ValidationMetrics] {
        lines.compactMap { if case .validation(let found) = $0 { found } else { nil } }
    }

    var text: String {
        let (steps, validations) = (steps, validations)
        let names = plan.source.parts.map(\.options.reference).joined(separator: ", ")
        var page = Page(
            title: "Training run", heading: "\(plan.config.model) on \(names)",
            introduction: Page.tiles(tiles(steps, validations)))
        page.add("Loss", chart(steps, "loss by step", startsAtZero: true, \.loss))
        if !validations.isEmpty { page.add("Validation", validationSection(validations)) }
        page.add("Learning rate", chart(steps, "learning rate by step", startsAtZero: true, \.learningRate))
        page.add(
            "Norm of the gradient", chart(steps, "norm of the gradient by step", startsAtZero: true, \.gradientNorm))
        let tempered = steps.filter { $0.temperature != nil }
        if !tempered.isEmpty {
            page.add(
                "Temperature", chart(tempered, "temperature by step", startsAtZero: true) { $0.temperature! })
        }
        page.add(
            "Tokens a second",
            chart(steps, "tokens a second by step", startsAtZero: true) {
                Double($0.tokenCount) / max($0.seconds, 1e-9)
            })
        if steps.contains(where: { $0.residentByteCount != nil }) {
            page.add(
                "Memory, MB",
                chart(steps.filter { $0.residentByteCount != nil }, "memory by step", startsAtZero: true) {
                    Double($0.residentByteCount!) / 1e6
                })
        }
        page.add("Datasets", datasetSection(steps))
        if steps.contains(where: { $0.jump != nil }) { page.add("Jumps of the loss", jumpSection(steps)) }
        page.add("Config", "<pre>\(html(JSONValue.object(plan.config.json).pretty()))</pre>")
        return page.text
    }

    private func tiles(_ steps: [StepMetrics], _ validations: [ValidationMetrics]) -> [(value: String, label: String)] {
        let seconds = steps.reduce(0) { $0 + $1.seconds }
        let tokens = steps.reduce(0) { $0 + $1.tokenCount }
        var tiles = [
            (value: grouped(steps.count), label: "steps of \(grouped(plan.stepCount))"),
            (value: duration(seconds), label: "in steps"),
            (value: decimal(Double(tokens) / max(seconds, 1e-9), digits: 0), label: "tokens a second"),
        ]
        if let first = steps.first, let last = steps.last {
            tiles.append(
                (value: decimal(last.loss, digits: 4), label: "loss, at first \(decimal(first.loss, digits: 4))"))
        }
        if let best = validations.last(where: \.isBest), let metric = plan.config.validation?.best,
            let value = best[metric]
        {
            tiles.append((value: decimal(value, digits: 4), label: "best \(metric), after step \(best.step)"))
        }
        return tiles
    }

    private func chart(
        _ steps: [StepMetrics], _ name: String, startsAtZero: Bool, _ value: (StepMetrics) -> Double
    ) -> String {
        LineChart(
            steps.map { (x: Double($0.step), y: value($0)) }, name: name, xName: "step", startsAtZero: startsAtZero
        ).svg
    }

    private func validationSection(_ validations: [ValidationMetrics]) -> String {
        let names = validations[0].values.map(\.name)
        let charts = names.map { name in
            let points = validations.compactMap { found in found[name].map { (x: Double(found.step), y: $0) } }
            return "<h3>\(html(name))</h3>"
                + LineChart(
                    points, name: "\(name) by step", xName: "step", startsAtZero: false, marksPoints: true
                ).svg
        }
        let rows = validations.map { found in
            [grouped(found.step)] + names.map { name in found[name].map { decimal($0, digits: 4) } ?? "–" }
                + [found.isBest ? "best so far" : found.stopsRun ? "ends the run" : ""]
        }
        let last = validations[validations.count - 1]
        return "<p>\(grouped(last.queryCount)) queries, \(grouped(last.documentCount)) documents.</p>"
            + charts.joined(separator: "\n")
            + Page.table(header: ["step"] + names.map { html($0) } + [""], rows: rows)
    }

    private func datasetSection(_ steps: [StepMetrics]) -> String {
        Page.table(
            header: ["dataset", "queries taken", "what it holds"],
            rows: plan.source.parts.map { part in
                let reference = part.options.reference
                let taken =
                    plan.source.parts.count == 1
                    ? steps.reduce(0) { $0 + ($1.queryCount ?? 0) }
                    : steps.reduce(0) { sum, step in
                        sum + step.shares.filter { $0.reference == reference }.reduce(0) { $0 + $1.queryCount }
                    }
                return [html(reference), grouped(taken), html(part.counts.text)]
            })
    }

    private func jumpSection(_ steps: [StepMetrics]) -> String {
        Page.table(
            header: ["step", "loss", "median before", "queries"],
            rows: steps.compactMap { step in
                guard let jump = step.jump else { return nil }
                return [
                    grouped(step.step), decimal(step.loss, digits: 4), decimal(jump.median, digits: 4),
                    "<details><summary>\(jump.queries.count)</summary>\(html(jump.queries.joined(separator: ", ")))</details>",
                ]
            })
    }
}
