// launcher UNIKERNEL: runs it with the console of libspry and one device of its own; its exit code is the guest's.
#include <spry/devices.h>
#include <spry/machine.h>

#include <cstdio>

namespace {

class Oracle : public spry::Device {
 public:
  spry::Result<std::int64_t> call(spry::Guest&, const spry::DeviceCall& call) override {
    return static_cast<std::int64_t>(call.a * call.b);
  }
};

spry::Result<std::unique_ptr<spry::Device>> open_oracle(const spry::DeviceNeed&) { return std::make_unique<Oracle>(); }

int complain(const spry::Error& error) {
  std::fprintf(stderr, "launcher: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const spry::Result<spry::Image> image = spry::Image::load(argv[1]);
  if (!image) return complain(image.error());

  spry::MachineOptions options;
  options.arguments = {"outside"};
  options.devices = {spry::capture(), {"oracle", "answer", open_oracle}};
  spry::Result<spry::Machine> machine = spry::Machine::create(*image, std::move(options));
  if (!machine) return complain(machine.error());
  const spry::Result<spry::Outcome> outcome = machine->run();
  if (!outcome) return complain(outcome.error());
  std::fwrite(outcome->output.data(), 1, outcome->output.size(), stdout);
  return outcome->status;
}
