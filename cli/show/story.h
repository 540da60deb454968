// The story of a descriptor: what it is, who holds its other end, why the checkpoint refused it,
// who opened it and how, what was done with it since, and what can be done about it.
//
// Who uses it: `show`. Descriptors of one story (opened and used by the same calls from the same
// stacks) are told together: a leak of a thousand is one story and a thousand numbers.
#ifndef FDORIGIN_CLI_SHOW_STORY_H_
#define FDORIGIN_CLI_SHOW_STORY_H_

#include <vector>

#include "model/report.h"
#include "text/sheet.h"

namespace fdorigin {

struct StoryOptions {
  bool full = false;  // all frames, all numbers
};

// Descriptors with the same story, in the order in which they were given.
using Alike = std::vector<const model::Descriptor*>;

// Groups of those that have the same story, in the order of their first ones.
std::vector<Alike> GroupByStory(const std::vector<const model::Descriptor*>& descriptors);

void TellStory(const model::Report& report, const Alike& alike, const StoryOptions& options,
               Sheet* sheet);

// Why there is a report, of which process, and how many descriptors it is about.
void TellBeginning(const model::Report& report, Sheet* sheet);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_SHOW_STORY_H_
