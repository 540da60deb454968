#include "model/report.h"

#include <algorithm>

namespace fdorigin::model {

const Descriptor* Report::Find(int fd) const {
  const auto found =
      std::find_if(descriptors.begin(), descriptors.end(),
                   [fd](const Descriptor& descriptor) { return descriptor.fd == fd; });
  return found == descriptors.end() ? nullptr : &*found;
}

}  // namespace fdorigin::model
