// fdorigin schema: prints the JSON Schema that reports follow.

#include <memory>

#include "embedded/ReportSchema.h"
#include "output_file.h"
#include "verb.h"

namespace fdorigin {

Verb DefineSchema(CLI::App* command) {
  CLI::App* verb = command->add_subcommand("schema", "Print the JSON Schema that reports follow");
  const auto output = std::make_shared<OutputFile>();
  output->AddTo(verb, "Where it goes [stdout]");
  verb->footer(
      "Example:\n"
      "  fdorigin schema -o report.schema.json");
  return {verb, [output](const Console& console) {
            if (output->path.empty()) output->path = "-";
            absl::Status status = output->Check();
            if (status.ok()) status = output->Write(ReportSchema());
            return status.ok() ? ExitStatus::kFine : console.Fail(status);
          }};
}

}  // namespace fdorigin
