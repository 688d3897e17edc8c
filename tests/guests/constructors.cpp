// C++: constructors in the order of their priorities and of the file, virtual calls, new and delete, statics of
// functions, lambdas; destructors of static objects never run.
#include "guest_case.h"

namespace {

class Shape {
 public:
  virtual ~Shape() = default;
  virtual int area() const = 0;
};

class Rectangle : public Shape {
 public:
  Rectangle(int width, int height) : width_(width), height_(height) {}
  ~Rectangle() override { say("rectangle gone\n"); }
  int area() const override { return width_ * height_; }

 private:
  int width_;
  int height_;
};

class Square final : public Rectangle {
 public:
  explicit Square(int side) : Rectangle(side, side) {}
  ~Square() override { say("square gone\n"); }
};

class Announcer {
 public:
  explicit Announcer(const char* name) { spry_printf(SPRY_STREAM_OUTPUT, "constructed %s\n", name); }
  ~Announcer() { say("never\n"); }
};

Announcer third("third");
Announcer fourth("fourth");
[[gnu::init_priority(202)]] Announcer second("second");
[[gnu::init_priority(201)]] Announcer first("first");
Rectangle static_rectangle(6, 7);

[[gnu::constructor(203)]] void by_attribute() { say("constructed by attribute\n"); }

int counted() {
  static Announcer once("once");
  static int count = 0;
  return ++count;
}

struct alignas(128) Aligned {
  char bytes[128];
};

}  // namespace

int spry_main(int argc, char** argv) {
  static_cast<void>(argv);
  counted();
  CHECK(counted() == 2);
  Shape* shapes[] = {new Rectangle(argc, 3), new Square(argc + 3)};
  int sum = static_rectangle.area();
  auto add = [&sum](const Shape& shape) { sum += shape.area(); };
  for (const Shape* shape : shapes) add(*shape);
  CHECK(sum == 42 + 3 + 16);
  for (Shape* shape : shapes) delete shape;
  auto* aligned = new Aligned[3];
  CHECK(address_of(aligned) % 128 == 0);
  delete[] aligned;
  auto* numbers = new int[1000]();
  CHECK(numbers[0] == 0 && numbers[999] == 0);
  delete[] numbers;
  return 0;
}
